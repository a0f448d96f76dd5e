// The cells of an ECP5 netlist: yosys' own models, and ours where yosys has only a black box.
`include "common_sim.vh"
`include "ccu2c_sim.vh"
`include "dp16kd.v"
`include "mult18x18d.v"
