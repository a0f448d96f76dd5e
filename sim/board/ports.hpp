// Access to the ports that Verilator declares as integers or as arrays of 32-bit chunks.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <type_traits>

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
void drive(Port &port, const uint32_t *chunks, unsigned width) {
    if constexpr (std::is_integral_v<Port>) {
        port = chunks[0];
        if constexpr (sizeof(Port) > 4) port |= Port(chunks[1]) << 32;
    } else {
        for (unsigned i = 0; i < width / 32; i++) port.at(i) = chunks[i];
    }
}

inline uint64_t number(const char *text) { return std::strtoull(text, nullptr, 10); }
