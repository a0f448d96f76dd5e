// The virtual board: the emitted Verilog of the machine with a clock, a memory and a serial port.
//
//   simulate LATENCY NUMERATOR DENOMINATOR MEMORY_WORDS CLOCK_HZ BAUD [TAPE [FAULT]]
//
// An empty TAPE is none; FAULT is one of the memory, for tests (memory_fault.hpp). WORD_BITS and
// ADDRESS_BITS are compiled in. Prints one JSON line with the serial port, and one with statistics
// at the end and whenever the parent writes an 's' to our standard input. Ends when the parent
// closes it, and on SIGTERM.

#include <chrono>
#include <csignal>
#include <memory>
#include <type_traits>

#include "Vtop.h"
#include "verilated.h"

#include "memory.hpp"
#include "terminal.hpp"
#include "uart.hpp"

// Verilator spells the "__" of a port's name in its own way.
#define MEMORY(stream, signal) memory___05F##stream##___05F##signal
#define UART(pin) uart___05F##pin

namespace {

constexpr uint64_t SERVICE_CLOCKS = 256;    // between looks at the host: 1.5 bytes at 3 Mbaud
constexpr uint64_t LINGER_CLOCKS = 10000;   // without any activity before the clock stops
constexpr size_t SENDER_BYTES = 64;         // taken from the host ahead of the line
constexpr int IDLE_MILLISECONDS = 1000;

volatile std::sig_atomic_t stopping = 0;

// Bits of a port, which Verilator declares as an integer or as an array of 32-bit chunks.
template <class Port>
uint64_t field(const Port &port, unsigned offset, unsigned width) {
    uint64_t value = 0;
    if constexpr (std::is_integral_v<Port>) {
        value = uint64_t(port) >> offset;
    } else {
        for (unsigned bit = 0; bit < width;) {
            unsigned chunk = (offset + bit) / 32, low = (offset + bit) % 32;
            value |= uint64_t(port.at(chunk) >> low) << bit;
            bit += 32 - low;
        }
    }
    return width < 64 ? value & ((uint64_t(1) << width) - 1) : value;
}

template <class Port>
void drive(Port &port, const uint32_t *chunks) {
    if constexpr (std::is_integral_v<Port>) {
        port = chunks[0];
        if constexpr (sizeof(Port) > 4) port |= Port(chunks[1]) << 32;
    } else {
        for (unsigned i = 0; i < WORD_BITS / 32; i++) port.at(i) = chunks[i];
    }
}

class Board {
  public:
    Board(char **arguments, const char *tape, const char *fault)
        : memory_(number(arguments[4]), ADDRESS_BITS,
                  {number(arguments[1]), int64_t(number(arguments[2])),
                   int64_t(number(arguments[3]))}, MemoryFault(fault)),
          sender_(number(arguments[5]), number(arguments[6])),
          receiver_(number(arguments[5]), number(arguments[6])) {
        if (tape && !memory_.preload(tape)) {
            std::fprintf(stderr, "virtual board: cannot read %s into the memory\n", tape);
            std::exit(2);
        }
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
    static uint64_t number(const char *text) { return std::strtoull(text, nullptr, 10); }

    static double now() {
        return std::chrono::duration<double>(
            std::chrono::steady_clock::now().time_since_epoch()).count();
    }

    // One clock: inputs settle, outputs are sampled, the rising edge follows.
    void clock() {
        Vtop &top = *top_;
        top.MEMORY(requests, ready) = memory_.ready();
        top.MEMORY(words, valid) = memory_.valid();
        if (memory_.valid()) drive(top.MEMORY(words, payload), memory_.word());
        top.MEMORY(writes, ready) = 1;
        top.UART(rx) = sender_.step();
        top.clk = 0;
        top.eval();

        if (memory_.valid() && !top.MEMORY(words, ready))
            fault("a memory word was refused", clocks_);
        bool requested = top.MEMORY(requests, valid) && memory_.ready() && !top.rst;
        if (top.MEMORY(writes, valid) && !top.rst) store();
        memory_.edge(clocks_, requested, field(top.MEMORY(requests, payload), 0, ADDRESS_BITS),
                     unsigned(field(top.MEMORY(requests, payload), ADDRESS_BITS, 8)));
        uint8_t byte;
        if (receiver_.step(top.UART(tx), byte)) terminal_.put(byte);
        if (top.busy || top.MEMORY(writes, valid) || !memory_.idle() || !receiver_.idle() ||
            !sender_.idle())
            active_ = clocks_;

        top.clk = 1;
        top.eval();
        clocks_++;
    }

    void store() {
        uint32_t data[WORD_BITS / 32];
        for (unsigned i = 0; i < WORD_BITS / 32; i++)
            data[i] = uint32_t(field(top_->MEMORY(writes, payload), ADDRESS_BITS + 32 * i, 32));
        memory_.write(field(top_->MEMORY(writes, payload), 0, ADDRESS_BITS), data);
    }

    // Looks at the host and the parent; waits for them while the board has nothing to do.
    void service() {
        for (;;) {
            terminal_.exchange([&](uint8_t byte) { sender_.send(byte); },
                               sender_.waiting() < SENDER_BYTES);
            if (char said = terminal_.parent()) {
                if (said == 's') statistics();
                if (said == 'q') stopping = 1;
            }
            if (stopping || !sender_.idle() || clocks_ - active_ < LINGER_CLOCKS) return;
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
    Memory<WORD_BITS> memory_;
    Sender sender_;
    Receiver receiver_;
    Terminal terminal_;
    uint64_t clocks_ = 0, active_ = 0;
    double ran_ = 0, resumed_ = 0;
};

}  // namespace

int main(int count, char **arguments) {
    if (count < 7 || count > 9) {
        std::fprintf(stderr, "usage: %s LATENCY NUMERATOR DENOMINATOR MEMORY_WORDS CLOCK_HZ BAUD "
                             "[TAPE [FAULT]]\n", arguments[0]);
        return 2;
    }
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the parent, which then closes our input
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGTERM, [](int) { stopping = 1; });
    Board board(arguments, count > 7 && *arguments[7] ? arguments[7] : nullptr,
                count > 8 ? arguments[8] : nullptr);
    board.run();
    return 0;
}
