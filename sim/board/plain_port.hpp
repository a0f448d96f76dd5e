// The fast memory of docs/virtual-board.md at the ports of the machine.
#pragma once

#include "memory.hpp"
#include "ports.hpp"

#define MEMORY(stream, signal) memory___05F##stream##___05F##signal

class PlainPort {
  public:
    static constexpr int ARGUMENTS = 4;
    static constexpr const char *USAGE = "LATENCY NUMERATOR DENOMINATOR MEMORY_WORDS";
    static constexpr int FAULTS = 1;  // arguments that name one

    PlainPort(char **arguments, uint64_t, const char *fault)
        : memory_(number(arguments[3]), ADDRESS_BITS,
                  {number(arguments[0]), int64_t(number(arguments[1])),
                   int64_t(number(arguments[2]))}, MemoryFault(fault)) {}

    bool preload(const char *tape) { return memory_.preload(tape); }
    uint64_t delivered() const { return memory_.delivered(); }
    bool active(const Vtop &top) const { return top.MEMORY(writes, valid) || !memory_.idle(); }

    // Edges of a memory clock of its own: there is none.
    void before(Vtop &, uint64_t) {}

    void drive(Vtop &top) {
        top.MEMORY(requests, ready) = memory_.ready();
        top.MEMORY(words, valid) = memory_.valid();
        if (memory_.valid()) ::drive(top.MEMORY(words, payload), memory_.word(), WORD_BITS);
        top.MEMORY(writes, ready) = 1;
    }

    // The outputs of the clock `n`, at its end.
    void sample(Vtop &top, uint64_t n) {
        if (memory_.valid() && !top.MEMORY(words, ready)) fault("a memory word was refused", n);
        bool requested = top.MEMORY(requests, valid) && memory_.ready() && !top.rst;
        if (top.MEMORY(writes, valid) && !top.rst) store(top);
        memory_.edge(n, requested, field(top.MEMORY(requests, payload), 0, ADDRESS_BITS),
                     unsigned(field(top.MEMORY(requests, payload), ADDRESS_BITS, 8)));
    }

    void rise(Vtop &) {}

  private:
    void store(Vtop &top) {
        uint32_t data[WORD_BITS / 32];
        for (unsigned i = 0; i < WORD_BITS / 32; i++)
            data[i] = uint32_t(field(top.MEMORY(writes, payload), ADDRESS_BITS + 32 * i, 32));
        memory_.write(field(top.MEMORY(writes, payload), 0, ADDRESS_BITS), data);
    }

    Memory<WORD_BITS> memory_;
};
