// MULT18X18D, the multiplier of the ECP5: yosys has no model of what it does, only a black box.
//
// After Lattice FPGA-TN-02205 (ECP5 and ECP5-5G sysDSP Usage Guide): 18 x 18 bits, either operand
// signed or not; a register, each with a clock, an enable and a reset of four, behind A, B, the
// multiplier (pipeline) and at the end (output). Shift chains and the operand C stop the simulation
// when they are used: yosys does not use them.
module MULT18X18D(
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SRIA17, SRIA16, SRIA15, SRIA14, SRIA13, SRIA12, SRIA11, SRIA10, SRIA9, SRIA8, SRIA7,
    input SRIA6, SRIA5, SRIA4, SRIA3, SRIA2, SRIA1, SRIA0,
    input SRIB17, SRIB16, SRIB15, SRIB14, SRIB13, SRIB12, SRIB11, SRIB10, SRIB9, SRIB8, SRIB7,
    input SRIB6, SRIB5, SRIB4, SRIB3, SRIB2, SRIB1, SRIB0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK3, CLK2, CLK1, CLK0,
    input CE3, CE2, CE1, CE0,
    input RST3, RST2, RST1, RST0,
    output SROA17, SROA16, SROA15, SROA14, SROA13, SROA12, SROA11, SROA10, SROA9, SROA8, SROA7,
    output SROA6, SROA5, SROA4, SROA3, SROA2, SROA1, SROA0,
    output SROB17, SROB16, SROB15, SROB14, SROB13, SROB12, SROB11, SROB10, SROB9, SROB8, SROB7,
    output SROB6, SROB5, SROB4, SROB3, SROB2, SROB1, SROB0,
    output ROA17, ROA16, ROA15, ROA14, ROA13, ROA12, ROA11, ROA10, ROA9, ROA8, ROA7, ROA6,
    output ROA5, ROA4, ROA3, ROA2, ROA1, ROA0,
    output ROB17, ROB16, ROB15, ROB14, ROB13, ROB12, ROB11, ROB10, ROB9, ROB8, ROB7, ROB6,
    output ROB5, ROB4, ROB3, ROB2, ROB1, ROB0,
    output ROC17, ROC16, ROC15, ROC14, ROC13, ROC12, ROC11, ROC10, ROC9, ROC8, ROC7, ROC6,
    output ROC5, ROC4, ROC3, ROC2, ROC1, ROC0,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
    output P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0,
    output SIGNEDP
);
    parameter REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "CE0", REG_INPUTA_RST = "RST0";
    parameter REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "CE0", REG_INPUTB_RST = "RST0";
    parameter REG_INPUTC_CLK = "NONE", REG_INPUTC_CE = "CE0", REG_INPUTC_RST = "RST0";
    parameter REG_PIPELINE_CLK = "NONE", REG_PIPELINE_CE = "CE0", REG_PIPELINE_RST = "RST0";
    parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0";
    parameter CLK0_DIV = "ENABLED", CLK1_DIV = "ENABLED", CLK2_DIV = "ENABLED";
    parameter CLK3_DIV = "ENABLED", HIGHSPEED_CLK = "NONE", GSR = "ENABLED";
    parameter CAS_MATCH_REG = "FALSE", SOURCEB_MODE = "B_SHIFT", MULT_BYPASS = "DISABLED";
    parameter RESETMODE = "SYNC";

    initial if (REG_INPUTC_CLK != "NONE" || MULT_BYPASS != "DISABLED" || RESETMODE != "SYNC") begin
        $display("MULT18X18D %m: a mode that is not modelled");
        $fatal;
    end
    always @(*) if (SOURCEA | SOURCEB) begin
        $display("MULT18X18D %m: an operand from a shift chain is not modelled");
        $fatal;
    end

    wire [3:0] clocks = {CLK3, CLK2, CLK1, CLK0}, enables = {CE3, CE2, CE1, CE0};
    wire [3:0] resets = {RST3, RST2, RST1, RST0};
    // Numbers at the end of "CLK1", "CE1", "RST1"; 0 for "NONE".
    localparam [1:0] CLK_A = REG_INPUTA_CLK[1:0], CE_A = REG_INPUTA_CE[1:0];
    localparam [1:0] RST_A = REG_INPUTA_RST[1:0], CLK_B = REG_INPUTB_CLK[1:0];
    localparam [1:0] CE_B = REG_INPUTB_CE[1:0], RST_B = REG_INPUTB_RST[1:0];
    localparam [1:0] CLK_M = REG_PIPELINE_CLK[1:0], CE_M = REG_PIPELINE_CE[1:0];
    localparam [1:0] RST_M = REG_PIPELINE_RST[1:0], CLK_P = REG_OUTPUT_CLK[1:0];
    localparam [1:0] CE_P = REG_OUTPUT_CE[1:0], RST_P = REG_OUTPUT_RST[1:0];

    wire [18:0] a = {SIGNEDA & A17,
        A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    wire [18:0] b = {SIGNEDB & B17,
        B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    reg [18:0] held_a = 0, held_b = 0;
    reg [35:0] held_m = 0, held_p = 0;
    wire signed [18:0] x = REG_INPUTA_CLK == "NONE" ? a : held_a;
    wire signed [18:0] y = REG_INPUTB_CLK == "NONE" ? b : held_b;
    wire signed [37:0] product = x * y;
    wire [35:0] pipelined = REG_PIPELINE_CLK == "NONE" ? product[35:0] : held_m;

    wire clock_a = clocks[CLK_A], clock_b = clocks[CLK_B];
    wire clock_m = clocks[CLK_M], clock_p = clocks[CLK_P];
    generate
        if (REG_INPUTA_CLK != "NONE")
            always @(posedge clock_a)
                if (resets[RST_A]) held_a <= 0; else if (enables[CE_A]) held_a <= a;
        if (REG_INPUTB_CLK != "NONE")
            always @(posedge clock_b)
                if (resets[RST_B]) held_b <= 0; else if (enables[CE_B]) held_b <= b;
        if (REG_PIPELINE_CLK != "NONE")
            always @(posedge clock_m)
                if (resets[RST_M]) held_m <= 0; else if (enables[CE_M]) held_m <= product[35:0];
        if (REG_OUTPUT_CLK != "NONE")
            always @(posedge clock_p)
                if (resets[RST_P]) held_p <= 0; else if (enables[CE_P]) held_p <= pipelined;
    endgenerate
    wire [35:0] p = REG_OUTPUT_CLK == "NONE" ? pipelined : held_p;
    assign SIGNEDP = SIGNEDA | SIGNEDB;
    assign {
        P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
        P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p;
    assign {
        SROA17, SROA16, SROA15, SROA14, SROA13, SROA12, SROA11, SROA10, SROA9, SROA8, SROA7,
        SROA6, SROA5, SROA4, SROA3, SROA2, SROA1, SROA0} = 18'h0;
    assign {
        SROB17, SROB16, SROB15, SROB14, SROB13, SROB12, SROB11, SROB10, SROB9, SROB8, SROB7,
        SROB6, SROB5, SROB4, SROB3, SROB2, SROB1, SROB0} = 18'h0;
    assign {
        ROA17, ROA16, ROA15, ROA14, ROA13, ROA12, ROA11, ROA10, ROA9, ROA8, ROA7, ROA6, ROA5,
        ROA4, ROA3, ROA2, ROA1, ROA0} = 18'h0;
    assign {
        ROB17, ROB16, ROB15, ROB14, ROB13, ROB12, ROB11, ROB10, ROB9, ROB8, ROB7, ROB6, ROB5,
        ROB4, ROB3, ROB2, ROB1, ROB0} = 18'h0;
    assign {
        ROC17, ROC16, ROC15, ROC14, ROC13, ROC12, ROC11, ROC10, ROC9, ROC8, ROC7, ROC6, ROC5,
        ROC4, ROC3, ROC2, ROC1, ROC0} = 18'h0;
endmodule
