// AVX2 with fused multiply-add: x86-64 since about 2013.
#define FG_ISA avx2
#include "kernels/isa/table.inl"
