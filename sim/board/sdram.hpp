// A pin-level model of an SDR SDRAM chip; sim/sdram_chip.py is the same in Python, with the reasons.
#pragma once

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

enum Command : unsigned {
    MODE = 0, REFRESH = 4, PRECHARGE = 2, ACTIVATE = 6, WRITE = 1, READ = 5, NOP = 7
};

// What the data sheet says; sim/sdram_chip.py writes it as one word of numbers. Times in ps.
struct SdramPart {
    std::string name;
    uint64_t banks, rows, columns, data_bits, rcd, rp, ras, ras_most, rc, rrd, wr, rfc, rrd_clocks,
        wr_clocks, mrd_clocks, refresh, power_up, power_up_refreshes, cas2, cas3;

    explicit SdramPart(const std::string &text) {
        uint64_t *fields[] = {&banks, &rows, &columns, &data_bits, &rcd, &rp, &ras, &ras_most, &rc,
                              &rrd, &wr, &rfc, &rrd_clocks, &wr_clocks, &mrd_clocks, &refresh,
                              &power_up, &power_up_refreshes, &cas2, &cas3};
        size_t at = text.find(',');
        name = text.substr(0, at);
        for (uint64_t *field : fields) {
            if (at == std::string::npos) {
                std::fprintf(stderr, "SDRAM: %s lacks fields\n", name.c_str());
                std::exit(2);
            }
            *field = std::strtoull(text.c_str() + at + 1, nullptr, 10);
            at = text.find(',', at + 1);
        }
    }
};

// Beats of type Beat. `complain` is called with the one line that names a violation.
template <class Beat>
class Sdram {
  public:
    static constexpr uint64_t PICO = 1000000000000, POSTPONED = 16, NEVER = ~uint64_t(0);
    static constexpr unsigned A10 = 1 << 10;

    Sdram(SdramPart part, uint64_t clock_hz, void (*complain)(const char *))
        : part_(std::move(part)), hz_(clock_hz), complain_(complain), banks_(part_.banks),
          store_(static_cast<Beat *>(std::calloc(size(), sizeof(Beat))), std::free) {}

    uint64_t size() const { return part_.banks * part_.rows * part_.columns; }

    // Reads a file into the memory from its first beat on; false if it cannot.
    bool preload(const std::string &path) {
        FILE *file = std::fopen(path.c_str(), "rb");
        if (!file) return false;
        size_t got = std::fread(store_.get(), 1, size() * sizeof(Beat), file);
        bool complete = got > 0 && std::fgetc(file) == EOF;
        std::fclose(file);
        return complete;
    }

    // Whether the chip drives dq for the next edge, and with what.
    bool drives() const { return !output_.empty() && output_.front().clock == clock_; }
    Beat beat() const { return output_.front().beat; }
    uint64_t beats_read() const { return beats_read_; }

    // One rising edge with what is on the pins.
    void edge(unsigned command, unsigned bank, unsigned address, Beat data, bool driven,
              bool masked) {
        if (command != NOP) {
            order(command);
            obey(command, bank, address);
        }
        take(data, driven, masked);
        if (!(clock_ & 63)) refresh_in_time();
        if (drives()) {
            if (driven) fail("dq contention", -1, "one driver", "two");
            output_.pop_front();
            beats_read_++;
        }
        clock_++;
    }

  private:
    struct Bank {
        uint64_t row = NEVER, activated = NEVER, precharged = NEVER, read = NEVER, written = NEVER;
    };
    struct Output {
        uint64_t clock;
        Beat beat;
    };

    static std::string text(const char *format, ...) {
        char line[200];
        va_list values;
        va_start(values, format);
        std::vsnprintf(line, sizeof line, format, values);
        va_end(values);
        return line;
    }
    static std::string number(uint64_t value) { return text("%llu", (unsigned long long)value); }

    void fail(const std::string &rule, int bank, const std::string &required,
              const std::string &found) const {
        std::string where = bank < 0 ? "" : text(" bank %d", bank);
        complain_((part_.name + ": " + rule + where + " at clock " + number(clock_) +
                   ": required " + required + ", found " + found).c_str());
    }

    // Clocks in which `ps` have passed, rounded up.
    uint64_t clocks(uint64_t ps) const {
        return uint64_t(((unsigned __int128)ps * hz_ + PICO - 1) / PICO);
    }

    void apart(const char *rule, int bank, uint64_t since, uint64_t ps, uint64_t least = 0) const {
        if (since == NEVER) return;
        uint64_t required = std::max(clocks(ps), least), found = clock_ - since;
        if (found < required)
            fail(rule, bank, text("%llu clocks (%g ns)", (unsigned long long)required, ps / 1e3),
                 number(found));
    }

    static const char *name(unsigned command) {
        static const char *names[] = {"MODE", "WRITE", "PRECHARGE", "", "REFRESH", "READ",
                                      "ACTIVATE", "NOP"};
        return names[command];
    }

    void order(unsigned command) {
        if (!initialised_) apart("power-up wait", -1, 0, part_.power_up);
        apart("tMRD", -1, mode_set_, 0, part_.mrd_clocks);
        apart("tRFC", -1, refreshed_, part_.rfc);
        if (initialised_) return;
        bool closed = std::none_of(banks_.begin(), banks_.end(),
                                   [](const Bank &bank) { return bank.precharged == NEVER; });
        if (command != PRECHARGE && !closed)
            fail("initialisation", -1, "PRECHARGE of all banks first", name(command));
        if (command == ACTIVATE || command == READ || command == WRITE) {
            if (refreshes_ < part_.power_up_refreshes)
                fail("initialisation", -1, number(part_.power_up_refreshes) + " refreshes",
                     number(refreshes_));
            if (mode_set_ == NEVER) fail("initialisation", -1, "mode register set", name(command));
            initialised_ = true;
        }
    }

    void obey(unsigned command, unsigned bank, unsigned address) {
        switch (command) {
            case MODE: return mode(address);
            case REFRESH: return refresh();
            case ACTIVATE: return activate(bank, address);
            case READ: return read(bank, address);
            case WRITE: return write(bank, address);
            case PRECHARGE:
                for (unsigned n = 0; n < banks_.size(); n++)
                    if (n == bank || address & A10) close(n);
                return;
            default: fail("command", -1, "a known one", number(command));
        }
    }

    void all_closed(const char *rule) const {
        for (unsigned n = 0; n < banks_.size(); n++) {
            if (banks_[n].row != NEVER)
                fail(rule, n, "every bank precharged", "row " + number(banks_[n].row) + " open");
            apart("tRP", n, banks_[n].precharged, part_.rp);
        }
    }

    void mode(unsigned address) {
        all_closed("mode register");
        latency_ = address >> 4 & 7;
        unsigned code = address & 7;
        burst_ = code >= 1 && code <= 3 ? 1u << code : 0;
        uint64_t shortest = latency_ == 2 ? part_.cas2 : latency_ == 3 ? part_.cas3 : 0;
        if (!burst_ || address & 0x388 || !shortest)
            fail("mode register", -1,
                 "sequential bursts of 2, 4 or 8 and a CAS latency of the part",
                 text("%#x", address));
        if ((unsigned __int128)hz_ * shortest > PICO)
            fail("CAS latency", -1, text("%g ns a clock for %u", shortest / 1e3, latency_),
                 text("%.4g ns", 1e9 / hz_));
        mode_set_ = clock_;
    }

    void refresh() {
        all_closed("REFRESH");
        for (unsigned n = 0; n < banks_.size(); n++)
            apart("tRC", n, banks_[n].activated, part_.rc);
        if (last_.size() == part_.rows) {
            uint64_t most = uint64_t((unsigned __int128)part_.refresh * hz_ / PICO);
            if (clock_ - last_.front() > most)
                fail("refresh period", -1, "each row within " + number(most) + " clocks",
                     number(clock_ - last_.front()));
            last_.pop_front();
        }
        last_.push_back(clock_);
        refreshed_ = clock_;
        refreshes_++;
    }

    void refresh_in_time() const {
        if (mode_set_ == NEVER) return;
        int64_t due = int64_t((unsigned __int128)(clock_ - mode_set_) * part_.rows * PICO /
                              ((unsigned __int128)part_.refresh * hz_)) - int64_t(POSTPONED);
        if (int64_t(refreshes_) < due)
            fail("refresh interval", -1, number(due) + " refreshes", number(refreshes_));
    }

    void activate(unsigned number_, unsigned address) {
        Bank &bank = banks_[number_];
        if (bank.row != NEVER)
            fail("ACTIVATE", number_, "a closed bank", "row " + number(bank.row) + " open");
        apart("tRP", number_, bank.precharged, part_.rp);
        apart("tRC", number_, bank.activated, part_.rc);
        apart("tRRD", number_, activated_, part_.rrd, part_.rrd_clocks);
        bank.row = address % part_.rows;
        bank.activated = activated_ = clock_;
    }

    void close(unsigned number_) {
        Bank &bank = banks_[number_];
        if (bank.row != NEVER) {
            apart("tRAS", number_, bank.activated, part_.ras);
            double open_ns = double(clock_ - bank.activated) * 1e9 / hz_;
            if (open_ns * 1e3 > part_.ras_most)
                fail("tRAS most", number_, number(part_.ras_most / 1000) + " ns",
                     text("%g ns", open_ns));
            if (bank.written != NEVER)
                apart("tWR", number_, bank.written + burst_ - 1, part_.wr, part_.wr_clocks);
            if (bank.read != NEVER && clock_ - bank.read + latency_ < burst_ + 1)
                fail("PRECHARGE cuts a READ", number_,
                     text("%d clocks", int(burst_ + 1 - latency_)), number(clock_ - bank.read));
        }
        bank.row = bank.read = bank.written = NEVER;
        bank.precharged = clock_;
    }

    void column(unsigned command, unsigned number_, unsigned address) {
        Bank &bank = banks_[number_];
        if (bank.row == NEVER) fail(name(command), number_, "an open row", "none");
        apart("tRCD", number_, bank.activated, part_.rcd);
        if (command_ != NOP && clock_ - start_ < burst_)
            fail(std::string(name(command)) + " cuts a burst", number_,
                 number(burst_) + " clocks", number(clock_ - start_));
        if (address & A10)
            fail(name(command), number_, "A10 low: no auto-precharge", "A10 high");
        uint64_t first = address % part_.columns;
        if (first % burst_)
            fail(name(command), number_, "a burst at its own boundary",
                 "column " + number(first));
        command_ = command;
        bank_ = number_;
        place_ = (bank.row * part_.banks + number_) * part_.columns + first;
        start_ = clock_;
    }

    void read(unsigned number_, unsigned address) {
        column(READ, number_, address);
        banks_[number_].read = clock_;
        bus_free_ = clock_ + latency_ + burst_ + 1;
        for (unsigned n = 0; n < burst_; n++)
            output_.push_back({clock_ + latency_ + n, store_[place_ + n]});
    }

    void write(unsigned number_, unsigned address) {
        if (clock_ < bus_free_)
            fail("WRITE after READ", number_, "clock " + number(bus_free_), number(clock_));
        column(WRITE, number_, address);
        banks_[number_].written = clock_;
    }

    void take(Beat data, bool driven, bool masked) {
        uint64_t beat = clock_ - start_;
        if (command_ != WRITE || beat >= burst_) {
            if (driven) fail("dq", -1, "released outside of a write", "driven");
            return;
        }
        if (!driven) fail("dq", bank_, text("beat %d of a write", int(beat)), "released");
        if (masked) fail("dqm", bank_, "low", "high");
        store_[place_ + beat] = data;
    }

    SdramPart part_;
    uint64_t hz_;
    void (*complain_)(const char *);
    std::vector<Bank> banks_;
    std::unique_ptr<Beat[], void (*)(void *)> store_;
    std::deque<Output> output_;
    std::deque<uint64_t> last_;  // clocks of the refreshes of the last `rows`
    uint64_t clock_ = 0, refreshed_ = NEVER, mode_set_ = NEVER, activated_ = NEVER;
    uint64_t refreshes_ = 0, start_ = 0, place_ = 0, beats_read_ = 0, bus_free_ = 0;
    unsigned latency_ = 0, burst_ = 0, command_ = NOP, bank_ = 0;
    bool initialised_ = false;
};
