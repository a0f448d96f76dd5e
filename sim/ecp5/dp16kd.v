// DP16KD, the block RAM of the ECP5: yosys has no model of what it does, only a black box.
//
// After Lattice FPGA-TN-02204 (ECP5 and ECP5-5G Memory Usage Guide): 1,024 words of 18 bits; ports
// of 1, 2, 4, 9 and 18 bits; an output latch that keeps its word while the port rests (write mode
// NORMAL), takes the new word (WRITETHROUGH) or the old one (READBEFOREWRITE) while it writes;
// reset of the latch with the clock. Two bytes of nine bits are written or not by ADx0 and ADx1 when
// a port is 18 bits wide.
// Ports of 36 bits are how yosys and Project Trellis use it (techlibs/lattice/brams_map_16kd.v):
// port A writes, with DIB above DIA and four bytes enabled by ADA0 to ADA3, port B reads, with DOB
// above DOA.
//
// A port that reads the word that the other one writes gets the opposite of what was there: the
// guide leaves it undefined, so nothing may depend on it. An output register follows the latch with
// each clock that OCEx enables. What is not used stops the simulation: output registers of ports of
// 36 bits, chip selects, clocks of different edges, resets without a clock.
module DP16KD(
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
    input DIA4, DIA3, DIA2, DIA1, DIA0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1,
    input ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6,
    output DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
    input DIB4, DIB3, DIB2, DIB1, DIB0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1,
    input ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6,
    output DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
    parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG";
    parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC";
    parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000";
    parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
    parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB", GSR = "ENABLED";
    parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0;
    parameter [319:0] INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0;
    parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0;
    parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0;
    parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0;
    parameter [319:0] INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0;
    parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0;
    parameter [319:0] INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0;
    parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0;
    parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0;
    parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0;
    parameter [319:0] INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0;
    parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0;
    parameter [319:0] INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0;
    parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0;
    parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

    localparam wide_a = DATA_WIDTH_A == 36, wide_b = DATA_WIDTH_B == 36;
    localparam WORDS = 1024;
    reg [17:0] words [0:WORDS-1];
    // Twenty bits of INITVAL_xx a word, of which the lower 18 count.
    localparam [64*320-1:0] INITIAL = {
        INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C,
        INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
        INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
        INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
        INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C,
        INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
        INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24,
        INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
        INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C,
        INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
        INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14,
        INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
        INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C,
        INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
        INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04,
        INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00};
    integer i;
    initial begin
        for (i = 0; i < WORDS; i = i + 1) words[i] = INITIAL[20*i +: 18];
        if ((REGMODE_A != "NOREG" || REGMODE_B != "NOREG") && (wide_a || wide_b) || CSDECODE_A != "0b000" ||
            CSDECODE_B != "0b000" || (CLKAMUX == "INV") != (CLKBMUX == "INV")) begin
            $display("DP16KD %m: a mode that is not modelled");
            $fatal;
        end
    end
    always @(*) if (RESETMODE == "ASYNC" && (RSTA || RSTB)) begin
        $display("DP16KD %m: a reset that does not wait for the clock is not modelled");
        $fatal;
    end

    wire [13:0] ada = {
        ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [13:0] adb = {
        ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    wire [17:0] dia = {
        DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
        DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [17:0] dib = {
        DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
        DIB4, DIB3, DIB2, DIB1, DIB0};

    // Bits of a word that a port of `width` bits at `address` means.
    function [17:0] mask(input integer width, input [13:0] address);
        case (width)
            1: mask = 18'h1 << (9 * address[3] + address[2:0]);
            2: mask = 18'h3 << (9 * address[3] + 2 * address[2:1]);
            4: mask = 18'hf << (9 * address[3] + 4 * address[2]);
            9: mask = 18'h1ff << (9 * address[3]);
            default: mask = {{9{address[1]}}, {9{address[0]}}};
        endcase
    endfunction

    // How far up in the word the first of them lies.
    function [4:0] shift(input integer width, input [13:0] address);
        case (width)
            1: shift = 9 * address[3] + address[2:0];
            2: shift = 9 * address[3] + 2 * address[2:1];
            4: shift = 9 * address[3] + 4 * address[2];
            9: shift = 9 * address[3];
            default: shift = 0;
        endcase
    endfunction

    wire write_a = CEA & WEA, write_b = CEB & WEB & ~wide_a;
    wire [9:0] word_a = {ada[13:5], ada[4] & ~wide_a}, word_b = {adb[13:5], adb[4] & ~wide_b};
    wire [17:0] mask_a = mask(DATA_WIDTH_A, ada), mask_b = mask(DATA_WIDTH_B, adb);
    wire [17:0] mask_high = {{9{ada[3]}}, {9{ada[2]}}};  // of the upper word of a wide write
    wire [17:0] data_a = dia << shift(DATA_WIDTH_A, ada), data_b = dib << shift(DATA_WIDTH_B, adb);

    // A word of which the other port writes some bytes in this clock: these are spoiled.
    function [17:0] seen_by_b(input [9:0] word);
        seen_by_b = words[word];
        if (write_a & word == word_a) seen_by_b = seen_by_b ^ mask_a;
        if (write_a & wide_a & word == (word_a | 1)) seen_by_b = seen_by_b ^ mask_high;
    endfunction
    function [17:0] seen_by_a(input [9:0] word);
        seen_by_a = words[word];
        if (write_b & word == word_b) seen_by_a = seen_by_a ^ mask_b;
    endfunction

    reg [17:0] latch_a = 0, latch_b = 0, latch_high = 0;
    wire clock_a = CLKA ^ (CLKAMUX == "INV"), clock_b = CLKB ^ (CLKBMUX == "INV");

    always @(posedge clock_a) begin
        if (write_a & ~(RSTA & RESETMODE == "SYNC")) begin
            words[word_a] <= words[word_a] & ~mask_a | data_a & mask_a;
            if (wide_a) words[word_a | 1] <= words[word_a | 1] & ~mask_high | dib & mask_high;
        end
        if (CEA & ~WEA | CEA & WRITEMODE_A == "READBEFOREWRITE")
            latch_a <= seen_by_a(word_a) >> shift(DATA_WIDTH_A, ada);
        else if (CEA & WRITEMODE_A == "WRITETHROUGH")
            latch_a <= (words[word_a] & ~mask_a | data_a & mask_a) >> shift(DATA_WIDTH_A, ada);
        if (RSTA & RESETMODE == "SYNC") latch_a <= 0;
    end
    always @(posedge clock_b) begin
        if (write_b & ~(RSTB & RESETMODE == "SYNC"))
            words[word_b] <= words[word_b] & ~mask_b | data_b & mask_b;
        if (CEB & ~WEB | CEB & WRITEMODE_B == "READBEFOREWRITE") begin
            latch_b <= seen_by_b(word_b) >> shift(DATA_WIDTH_B, adb);
            latch_high <= seen_by_b(word_b | 1);
        end else if (CEB & WRITEMODE_B == "WRITETHROUGH")
            latch_b <= (words[word_b] & ~mask_b | data_b & mask_b) >> shift(DATA_WIDTH_B, adb);
        if (RSTB & RESETMODE == "SYNC") begin latch_b <= 0; latch_high <= 0; end
    end

    reg [17:0] register_a = 0, register_b = 0;
    always @(posedge clock_a) if (OCEA) register_a <= RSTA & RESETMODE == "SYNC" ? 0 : latch_a;
    always @(posedge clock_b) if (OCEB) register_b <= RSTB & RESETMODE == "SYNC" ? 0 : latch_b;

    wire [17:0] narrow_a = REGMODE_A == "OUTREG" ? register_a : latch_a;
    wire [17:0] narrow_b = REGMODE_B == "OUTREG" ? register_b : latch_b;
    wire [17:0] doa = wide_b ? latch_b : narrow_a, dob = wide_b ? latch_high : narrow_b;
    assign {
        DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
        DOA4, DOA3, DOA2, DOA1, DOA0} = doa;
    assign {
        DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
        DOB4, DOB3, DOB2, DOB1, DOB0} = dob;
endmodule
