// Both directions of the serial line of the virtual board: 8 data bits, no parity, one stop bit.
#pragma once

#include <cstdint>
#include <deque>

// Ticks `baud` times a second of `clock_hz` clocks, exactly on average.
class BitClock {
  public:
    BitClock(uint64_t clock_hz, uint64_t baud) : clock_hz_(clock_hz), baud_(baud) {}
    void restart() { phase_ = 0; }
    void halfway() { phase_ = clock_hz_ / 2; }
    bool tick() {
        phase_ += baud_;
        if (phase_ < clock_hz_) return false;
        phase_ -= clock_hz_;
        return true;
    }

  private:
    uint64_t clock_hz_, baud_, phase_ = 0;
};

// Bytes from the host, as levels on the pin that the board receives from.
class Sender {
  public:
    Sender(uint64_t clock_hz, uint64_t baud) : clock_(clock_hz, baud) {}

    void send(uint8_t byte) { queue_.push_back(byte); }
    size_t waiting() const { return queue_.size(); }
    bool idle() const { return bits_ == 0 && queue_.empty(); }

    // The level of the next clock.
    bool step() {
        if (bits_ != 0 && clock_.tick()) {
            shift_ >>= 1;
            bits_--;
            if (bits_ == 0) clock_.restart();
        }
        if (bits_ == 0 && !queue_.empty()) {
            shift_ = 1u << 9 | unsigned(queue_.front()) << 1;  // stop, data, start
            queue_.pop_front();
            bits_ = 10;
        }
        return bits_ == 0 || (shift_ & 1);
    }

  private:
    BitClock clock_;
    std::deque<uint8_t> queue_;
    unsigned shift_ = 0, bits_ = 0;
};

// Levels of the pin that the board sends on, as bytes for the host.
class Receiver {
  public:
    Receiver(uint64_t clock_hz, uint64_t baud) : clock_(clock_hz, baud) {}

    bool idle() const { return bits_ == 0; }
    uint64_t errors() const { return errors_; }

    // Takes the level of one clock; true when it completed `byte`.
    bool step(bool level, uint8_t &byte) {
        bool fell = last_ && !level;
        last_ = level;
        if (bits_ == 0) {
            if (fell) {
                clock_.halfway();
                bits_ = 10;
            }
            return false;
        }
        if (!clock_.tick()) return false;
        shift_ = shift_ >> 1 | unsigned(level) << 9;
        if (--bits_ != 0) return false;
        bool framed = !(shift_ & 1) && (shift_ >> 9 & 1);
        if (!framed) errors_++;
        byte = uint8_t(shift_ >> 1);
        return framed;
    }

  private:
    BitClock clock_;
    unsigned shift_ = 0, bits_ = 0;
    uint64_t errors_ = 0;
    bool last_ = true;
};
