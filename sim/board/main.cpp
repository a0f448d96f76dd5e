// The virtual board: the emitted Verilog of the machine with a clock, a memory and a serial port.
//
//   simulate LATENCY NUMERATOR DENOMINATOR MEMORY_WORDS CLOCK_HZ BAUD [TAPE [FAULT]]
//   simulate PART MEMORY_HZ CLOCK_HZ BAUD [TAPE]                  compiled with DATA_BITS
//
// An empty TAPE is none; FAULT is one of the memory, for tests (memory_fault.hpp). WORD_BITS and
// ADDRESS_BITS are compiled in. Prints one JSON line with the serial port, and one with statistics
// at the end and whenever the parent writes an 's' to our standard input. Ends when the parent
// closes it, and on SIGTERM.

#include <chrono>
#include <csignal>
#include <memory>

#include "Vtop.h"
#include "verilated.h"

#include "terminal.hpp"
#include "trace.hpp"
#include "uart.hpp"

// Verilator spells the "__" of a port's name in its own way.
#define UART(pin) uart___05F##pin

#ifdef DATA_BITS
#include "sdram_port.hpp"
using Port = SdramPort;
#else
#include "plain_port.hpp"
using Port = PlainPort;
#endif

namespace {

constexpr uint64_t SERVICE_CLOCKS = 256;    // between looks at the host: 1.5 bytes at 3 Mbaud
constexpr uint64_t LINGER_CLOCKS = 10000;   // without any activity before the clock stops
constexpr size_t SENDER_BYTES = 64;         // taken from the host ahead of the line
constexpr int IDLE_MILLISECONDS = 1000;

volatile std::sig_atomic_t stopping = 0;

class Board {
  public:
    Board(char **arguments, const char *tape, const char *fault)
        : memory_(arguments, number(arguments[Port::ARGUMENTS]), fault),
          sender_(number(arguments[Port::ARGUMENTS]), number(arguments[Port::ARGUMENTS + 1])),
          receiver_(number(arguments[Port::ARGUMENTS]), number(arguments[Port::ARGUMENTS + 1])) {
        if (tape && !memory_.preload(tape)) {
            std::fprintf(stderr, "virtual board: cannot read %s into the memory\n", tape);
            std::exit(2);
        }
        trace_.attach(*top_);
    }

    void run() {
        std::printf("{\"port\": \"%s\", \"pid\": %d}\n", terminal_.path().c_str(), getpid());
        std::fflush(stdout);
        top_->rst = 1;
        top_->UART(rx) = 1;
        clock();
        top_->rst = 0;
        resumed_ = now();
        while (!stopping) {
            if (clocks_ % SERVICE_CLOCKS == 0) service();
            clock();
        }
        statistics();
    }

  private:
    static double now() {
        return std::chrono::duration<double>(
            std::chrono::steady_clock::now().time_since_epoch()).count();
    }

    // One clock: inputs settle, outputs are sampled, the rising edge follows.
    void clock() {
        Vtop &top = *top_;
        memory_.drive(top);
        top.UART(rx) = sender_.step();
        top.clk = 0;
        memory_.before(top, clocks_);
        top.eval();

        memory_.sample(top, clocks_);
        trace_.sample();
        uint8_t byte;
        if (receiver_.step(top.UART(tx), byte)) terminal_.put(byte);
        if (top.busy || memory_.active(top) || !receiver_.idle() || !sender_.idle())
            active_ = clocks_;

        memory_.rise(top);
        top.clk = 1;
        top.eval();
        clocks_++;
    }

    // Looks at the host and the parent; waits for them while the board has nothing to do.
    void service() {
        for (;;) {
            terminal_.exchange([&](uint8_t byte) { sender_.send(byte); },
                               sender_.waiting() < SENDER_BYTES);
            if (char said = terminal_.parent()) {
                if (said == 's') statistics();
                if (said == 'q') stopping = 1;
                trace_.hear(said);
            }
            if (stopping || !sender_.idle() || clocks_ - active_ < LINGER_CLOCKS) return;
            if (trace_.running()) return;
            ran_ += now() - resumed_;
            terminal_.wait(IDLE_MILLISECONDS);
            resumed_ = now();
        }
    }

    void statistics() {
        double seconds = ran_ + now() - resumed_;
        std::printf("{\"clocks\": %llu, \"seconds\": %.3f, \"clocks_per_second\": %.0f, "
                    "\"memory_words\": %llu, \"framing_errors\": %llu}\n",
                    (unsigned long long)clocks_, seconds, clocks_ / std::max(seconds, 1e-9),
                    (unsigned long long)memory_.delivered(),
                    (unsigned long long)receiver_.errors());
        std::fflush(stdout);
    }

    std::unique_ptr<Vtop> top_{new Vtop};
    Port memory_;
    Sender sender_;
    Receiver receiver_;
    Trace trace_;
    Terminal terminal_;
    uint64_t clocks_ = 0, active_ = 0;
    double ran_ = 0, resumed_ = 0;
};

}  // namespace

int main(int count, char **arguments) {
    int least = Port::ARGUMENTS + 3;
    if (count < least || count > least + 1 + Port::FAULTS) {
        std::fprintf(stderr, "usage: %s %s CLOCK_HZ BAUD [TAPE%s]\n", arguments[0], Port::USAGE,
                     Port::FAULTS ? " [FAULT]" : "");
        return 2;
    }
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the parent, which then closes our input
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGTERM, [](int) { stopping = 1; });
    Board board(arguments + 1, count > least && *arguments[least] ? arguments[least] : nullptr,
                count > least + 1 ? arguments[least + 1] : nullptr);
    board.run();
    return 0;
}
