// NEON with fused multiply-add: every 64-bit Arm.
#define FG_ISA neon
#include "kernels/isa/table.inl"
