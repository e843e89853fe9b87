// AVX-512 (F, DQ, BW, VL).
#define FG_ISA avx512
#include "kernels/isa/table.inl"
