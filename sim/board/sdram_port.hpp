// A simulated SDRAM chip at the pins of the machine, whose memory clock may be one of its own.
//
// Compiled with DATA_BITS, WORD_BITS, and CROSSING where the gateware has a domain `mem`.
#pragma once

#include <numeric>

#include "ports.hpp"
#include "sdram.hpp"

#define CHIP(pin) chip___05F##pin

class SdramPort {
  public:
    static constexpr int ARGUMENTS = 2;
    static constexpr const char *USAGE = "PART MEMORY_HZ";
    static constexpr int FAULTS = 0;
    using Beat = std::conditional_t<DATA_BITS <= 16, uint16_t, uint32_t>;

    // Both periods in units that make them whole numbers; both clocks begin at time 0.
    SdramPort(char **arguments, uint64_t clock_hz, const char *)
        : chip_(SdramPart(arguments[0]), number(arguments[1]), complain) {
        uint64_t memory_hz = number(arguments[1]), common = std::gcd(clock_hz, memory_hz);
        period_ = clock_hz / common;
        machine_period_ = memory_hz / common;
        next_ = period_;
    }

    bool preload(const char *tape) { return chip_.preload(tape); }
    uint64_t delivered() const { return chip_.beats_read() / (WORD_BITS / DATA_BITS); }
    bool active(const Vtop &) const { return false; }  // the gateware's `busy` says it all

    void drive(Vtop &top) {
        // Something else than data is there while the chip releases its pins.
        top.CHIP(dq_i) = chip_.drives() ? chip_.beat() : Beat(noise_ = noise_ * 5 + 1);
#ifdef CROSSING
        top.mem_clk = 0;
#endif
    }

#ifdef CROSSING
    // Memory clocks that end before edge n of the machine's clock.
    void before(Vtop &top, uint64_t n) {
        for (; next_ < (n + 1) * machine_period_; next_ += period_) {
            top.mem_rst = next_ <= 2 * period_;
            top.eval();
            take(top);
            top.mem_clk = 1;
            top.eval();
            drive(top);
        }
    }
    void sample(Vtop &top, uint64_t n) {
        together_ = next_ == (n + 1) * machine_period_;
        if (together_) {
            take(top);
            next_ += period_;
        }
    }
    void rise(Vtop &top) { top.mem_clk = together_; }
#else
    void before(Vtop &, uint64_t) {}
    void sample(Vtop &top, uint64_t) { take(top); }
    void rise(Vtop &) {}
#endif

  private:
    static void complain(const char *line) {
        std::fprintf(stderr, "virtual board: %s\n", line);
        std::exit(3);
    }

    void take(Vtop &top) {
        unsigned command = top.CHIP(ras_n) | top.CHIP(cas_n) << 1 | top.CHIP(we_n) << 2;
        if (top.CHIP(cs_n) || !top.CHIP(cke)) command = NOP;
        chip_.edge(command, top.CHIP(ba), top.CHIP(a), Beat(top.CHIP(dq_o)), top.CHIP(dq_oe),
                   top.CHIP(dqm) != 0);
    }

    Sdram<Beat> chip_;
    uint64_t period_, machine_period_, next_;
    uint32_t noise_ = 12345;
    bool together_ = false;
};
