// Toggle counts of the machine's nets over a number of clocks, as a SAIF file for each request.
//
// Compiled with TOGGLES; without it there is nothing here. The parent writes "5000t" for a window
// of 5,000 clocks and gets a JSON line with the file's name when it is over. The folder of the
// files is in the environment, as TRITONE_SAIF.
#pragma once

#include <cstdint>

#ifdef TOGGLES
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "verilated_saif_c.h"

class Trace {
  public:
    // Before the first clock.
    void attach(Vtop &top) {
        Verilated::traceEverOn(true);
        top.trace(saif_.get(), 99);
    }

    bool running() const { return left_; }

    // A character from the parent.
    void hear(char said) {
        if (said >= '0' && said <= '9') asked_ = 10 * asked_ + uint64_t(said - '0');
        if (said != 't' || left_ || !asked_) return;
        const char *folder = std::getenv("TRITONE_SAIF");
        path_ = std::string(folder ? folder : ".") + "/" + std::to_string(files_++) + ".saif";
        saif_->open(path_.c_str());
        (saif_->spTrace()->*Access::full)(true);
        (saif_->spTrace()->*Access::constants)(true);
        left_ = asked_;
        asked_ = 0;
    }

    // The settled nets of a clock. Time stands still between windows, else the file would count it.
    void sample() {
        if (!left_) return;
        saif_->dump(++time_);
        if (--left_) return;
        saif_->close();
        std::printf("{\"saif\": \"%s\"}\n", path_.c_str());
        std::fflush(stdout);
    }

  private:
    // Verilator writes all nets into the first file alone: in the next ones, those that do not
    // change would be 0.
    struct Access : VerilatedSaif {
        static constexpr auto full = &Access::fullDump, constants = &Access::constDump;
    };

    std::unique_ptr<VerilatedSaifC> saif_{new VerilatedSaifC};
    std::string path_;
    uint64_t asked_ = 0, left_ = 0, files_ = 0, time_ = 0;
};
#else
class Trace {
  public:
    void attach(Vtop &) {}
    static constexpr bool running() { return false; }
    void hear(char) {}
    void sample() {}
};
#endif
