// The level every CPU of the architecture has: SSE2 on x86-64.
#define FG_ISA baseline
#include "kernels/isa/table.inl"
