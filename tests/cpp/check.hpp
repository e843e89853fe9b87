// CHECK(condition): counts, and says file and line when it fails. Returns whether it held.
#pragma once

namespace fg::test {

// Defined in main.cpp: sources compiled per ISA level include this too and must not instantiate anything shared.
bool check(bool ok, const char* condition, const char* file, int line);

}  // namespace fg::test

#define CHECK(...) ::fg::test::check(bool(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
