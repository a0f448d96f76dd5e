// The pseudo-terminal that stands for the board's serial port, and the pipe from our parent.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

class Terminal {
  public:
    static constexpr size_t KEPT = 1 << 20;  // bytes kept for a host that does not read

    // Opens a raw terminal; exits with a message if the system has none.
    Terminal() {
        master_ = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
        if (master_ < 0 || grantpt(master_) || unlockpt(master_)) {
            std::perror("virtual board: no pseudo-terminal");
            std::exit(2);
        }
        path_ = ptsname(master_);
        // Held open here too, so that hosts may come and go.
        slave_ = open(path_.c_str(), O_RDWR | O_NOCTTY);
        termios settings;
        tcgetattr(slave_, &settings);
        cfmakeraw(&settings);
        tcsetattr(slave_, TCSANOW, &settings);
    }

    const std::string &path() const { return path_; }

    void put(uint8_t byte) {
        if (out_.size() == KEPT) out_.pop_front();
        out_.push_back(byte);
    }

    // Moves bytes between host and board without waiting; calls `take` for each that arrived.
    template <class Take>
    void exchange(Take take, bool room) {
        while (!out_.empty()) {
            uint8_t chunk[256];
            size_t size = std::min(out_.size(), sizeof chunk);
            std::copy_n(out_.begin(), size, chunk);
            ssize_t done = ::write(master_, chunk, size);
            if (done <= 0) break;
            out_.erase(out_.begin(), out_.begin() + done);
        }
        uint8_t chunk[256];
        ssize_t got = room ? ::read(master_, chunk, sizeof chunk) : 0;
        for (ssize_t i = 0; i < got; i++) take(chunk[i]);
    }

    // Waits until the host or the parent says something, or for `milliseconds`.
    void wait(int milliseconds) {
        pollfd waits[2] = {{master_, short(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0},
                           {STDIN_FILENO, POLLIN, 0}};
        poll(waits, 2, milliseconds);
    }

    // What the parent said: 'q' when it closed the pipe, 0 for nothing.
    char parent() {
        pollfd waits = {STDIN_FILENO, POLLIN, 0};
        if (poll(&waits, 1, 0) <= 0) return 0;
        char said;
        ssize_t got = ::read(STDIN_FILENO, &said, 1);
        return got == 1 ? said : got < 0 && errno == EINTR ? 0 : 'q';
    }

  private:
    int master_ = -1, slave_ = -1;
    std::string path_;
    std::deque<uint8_t> out_;
};
