// The memory of the virtual board, clock by clock as docs/virtual-board.md defines it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "memory_fault.hpp"

// A stop that names the reason: the gateware broke the rules of an interface.
[[noreturn]] inline void fault(const char *what, uint64_t clock) {
    std::fprintf(stderr, "virtual board: %s at clock %llu\n", what, (unsigned long long)clock);
    std::exit(3);
}

struct MemoryTiming {
    uint64_t latency = 1;      // clocks from the edge that takes a request to the first word's edge
    int64_t numerator = 1;     // words a clock: numerator / denominator
    int64_t denominator = 1;
};

// Words of BITS bits in chunks of 32, little-endian; requests served in order.
template <unsigned BITS>
class Memory {
  public:
    static constexpr unsigned CHUNKS = BITS / 32;
    static constexpr size_t QUEUE_DEPTH = 4;

    Memory(uint64_t words, unsigned address_bits, MemoryTiming timing, MemoryFault fault)
        : words_(words), mask_((uint64_t(1) << address_bits) - 1), timing_(timing), fault_(fault),
          full_(timing.numerator + timing.denominator - 1), credit_(full_),
          store_(words * CHUNKS) {}

    // Reads the tape that the board finds in its memory when it starts; false if it cannot.
    bool preload(const std::string &path) {
        FILE *file = std::fopen(path.c_str(), "rb");
        if (!file) return false;
        size_t got = std::fread(store_.data(), 1, store_.size() * 4, file);
        bool complete = got > 0 && std::fgetc(file) == EOF;
        std::fclose(file);
        return complete;
    }

    // What the gateware sees in this clock.
    bool ready() const { return queue_.size() < QUEUE_DEPTH; }
    bool valid() const { return valid_; }
    const uint32_t *word() const {
        uint64_t address = fault_ ? fault_.address(address_) : address_;
        return address < words_ ? &store_[address * CHUNKS] : zero_;
    }

    // The rising edge `clock`: takes what the gateware offered in the clock that it ends.
    void write(uint64_t address, const uint32_t *data) {
        if (fault_)
            fault_.write(store_.data(), CHUNKS, words_, fault_.address(address), data);
        else if (address < words_)
            std::memcpy(&store_[address * CHUNKS], data, CHUNKS * 4);
    }

    void edge(uint64_t clock, bool requested, uint64_t address, unsigned words) {
        if (valid_) deliver();
        if (requested) {
            if (words == 0) fault("a memory request for no words", clock);
            if (queue_.empty()) address_ = address;
            queue_.push_back({address, words, clock + timing_.latency});
        }
        credit_ = std::min(credit_ + timing_.numerator, full_);
        valid_ = !queue_.empty() && clock + 1 >= queue_.front().due &&
                 credit_ >= timing_.denominator;
    }

    uint64_t delivered() const { return delivered_; }
    bool idle() const { return queue_.empty(); }

  private:
    struct Request {
        uint64_t address;
        unsigned words;
        uint64_t due;
    };

    void deliver() {
        delivered_++;
        credit_ -= timing_.denominator;
        address_ = (address_ + 1) & mask_;
        if (--queue_.front().words == 0) {
            queue_.pop_front();
            if (!queue_.empty()) address_ = queue_.front().address;
        }
    }

    uint64_t words_, mask_;
    MemoryTiming timing_;
    MemoryFault fault_;
    int64_t full_, credit_;
    std::vector<uint32_t> store_;
    std::deque<Request> queue_;
    uint32_t zero_[CHUNKS] = {};
    uint64_t address_ = 0, delivered_ = 0;
    bool valid_ = false;
};
