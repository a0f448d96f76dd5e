// The chip model of sdram.hpp on its own, for the test that holds it to its Python twin.
//
//   sdram_trace PART CLOCK_HZ < lines "command bank address data driven masked", one a clock
//
// Prints for each clock the beat that the chip drives, or "-"; at a violation its line, and ends.

#include "sdram.hpp"

int main(int count, char **arguments) {
    if (count != 3) return 2;
    Sdram<uint32_t> chip(SdramPart(arguments[1]), std::strtoull(arguments[2], nullptr, 10),
                         [](const char *line) {
                             std::printf("%s\n", line);
                             std::exit(0);
                         });
    unsigned command, bank, address, data, driven, masked;
    while (std::scanf("%u %u %u %u %u %u", &command, &bank, &address, &data, &driven, &masked) ==
           6) {
        bool drives = chip.drives();
        uint32_t beat = drives ? chip.beat() : 0;
        chip.edge(command, bank, address, data, driven, masked);
        if (drives) std::printf("%u\n", beat);
        else std::printf("-\n");
    }
}
