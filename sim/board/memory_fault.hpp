// Faults of the virtual board's memory, for tests: the same as sim/memory_faults.py.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// A line of text names one; sim/memory_faults.py says what each means.
class MemoryFault {
  public:
    explicit MemoryFault(const char *text) {
        char kind[16] = "";
        if (!text) return;
        std::sscanf(text, "%15s %llu %llu %llu %llu", kind, &n_[0], &n_[1], &n_[2], &n_[3]);
        for (kind_ = KINDS - 1; kind_ > 0 && std::strcmp(kind, NAMES[kind_]); kind_--) {}
        if (kind_) return;
        std::fprintf(stderr, "virtual board: no fault of a memory: %s\n", text);
        std::exit(2);
    }

    explicit operator bool() const { return kind_ != 0; }

    // The word that answers.
    uint64_t address(uint64_t address) const {
        if (kind_ != ADDRESS) return address;
        uint64_t both = address >> n_[0] & address >> n_[1] & 1;
        return (address & ~(1ull << n_[0]) & ~(1ull << n_[1])) | both << n_[0] | both << n_[1];
    }

    // Stores `data` at `address` of `store`, and what comes of it; `chunks` of 32 bits a word.
    void write(uint32_t *store, unsigned chunks, uint64_t words, uint64_t address,
               const uint32_t *data) const {
        if (address >= words) return;
        uint32_t *word = store + address * chunks;
        bool before = kind_ == RISE && address == n_[0] && bit(word, n_[1]);
        std::memcpy(word, data, chunks * 4);
        if (kind_ == WIRE) set(word, n_[0], n_[1]);
        if (kind_ == SHORT) {
            bool both = bit(word, n_[0]) && bit(word, n_[1]);
            set(word, n_[0], both);
            set(word, n_[1], both);
        }
        auto at = [&](int n) { return store + n_[n] * chunks; };
        if (kind_ == RISE && address == n_[0] && !before && bit(word, n_[1]))
            set(at(2), n_[3], !bit(at(2), n_[3]));
        if (kind_ == STUCK) set(at(0), n_[1], n_[2]);
        if (kind_ == HOLD && bit(at(0), n_[1])) set(at(2), n_[3], true);
    }

  private:
    enum { NONE, STUCK, WIRE, SHORT, ADDRESS, RISE, HOLD, KINDS };
    static constexpr const char *NAMES[] = {"", "stuck", "wire", "short", "address", "rise",
                                            "hold"};

    static bool bit(const uint32_t *word, uint64_t n) { return word[n / 32] >> n % 32 & 1; }
    static void set(uint32_t *word, uint64_t n, bool value) {
        word[n / 32] = (word[n / 32] & ~(1u << n % 32)) | uint32_t(value) << n % 32;
    }

    int kind_ = NONE;
    unsigned long long n_[4] = {};
};
