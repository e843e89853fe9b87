// Chains of two formulas have the bits of one after the other, and a row that repeats those of its copies, on all
// levels; they touch nothing else.
#include "kernel_testing.hpp"

namespace {

using namespace fg::test;
using namespace fg::kernels;
using std::int64_t;

template <class T> int dtype = 0;
template <> int dtype<float> = 2;
template <> int dtype<double> = 3;

struct ListedChain {
    ChainOf of;
    int arity;
};

template <class... C> std::vector<ListedChain> listed(OpList<C...>) {
    return {{{elementwise_index<typename C::Outer>, elementwise_index<typename C::Inner>, C::at}, arity<C>}...};
}

// Special numbers among ordinary ones.
template <class T> Fenced<T> operand(int64_t n, int64_t step, Numbers& numbers) {
    static const T special[] = {T(0),
                                T(-0.0),
                                std::numeric_limits<T>::infinity(),
                                std::numeric_limits<T>::max(),
                                std::numeric_limits<T>::denorm_min(),
                                std::numeric_limits<T>::quiet_NaN()};
    Fenced<T> x(step ? n : 1, numbers);
    for (int64_t i = 0; i < (step ? n : 1); ++i)
        if (numbers.below(8) == 0) x[i] = special[numbers.below(6)];
    return x;
}

template <class T>
void check_chain(const KernelTable& level, const ListedChain& chain, int place, int64_t n, int singles) {
    Numbers numbers(std::uint64_t(1 + place * 1000 + n * 8 + singles));
    std::vector<Fenced<T>> x;
    const void* data[3];
    int64_t step[3];
    for (int k = 0; k < chain.arity; ++k) {
        step[k] = singles >> k & 1 ? 0 : 1;
        x.push_back(operand<T>(n, step[k], numbers));
    }
    for (int k = 0; k < chain.arity; ++k) data[k] = x[std::size_t(k)].data();

    Fenced<T> between(n), expected(n), got(n);
    level.elementwise[chain.of.inner].forward[dtype<T>](n, data, step, between.data());
    const void* outer_data[2];
    int64_t outer_step[2];
    outer_data[chain.of.at] = between.data();
    outer_step[chain.of.at] = 1;
    if (chain.arity == 3) {
        outer_data[1 - chain.of.at] = data[2];
        outer_step[1 - chain.of.at] = step[2];
    }
    level.elementwise[chain.of.outer].forward[dtype<T>](n, outer_data, outer_step, expected.data());

    level.chains[place][dtype<T> - 2](n, data, step, got.data());
    CHECK(same_bits(got.values(), expected.values()));
    CHECK(got.fences_stand());
}

template <class... F> std::vector<ChainOf> listed_row_ops(OpList<F...>) { return {RowOpOf<F>::value...}; }

template <class T>
void check_row_op(const KernelTable& level, const ChainOf& op, int place, int64_t rows, int64_t row) {
    Numbers numbers(std::uint64_t(1 + place * 10000 + rows * 1000 + row));
    const int64_t n = rows * row;
    Fenced<T> matrix = operand<T>(n, 1, numbers), one = operand<T>(row, 1, numbers);
    Fenced<T> copies(n), between(n), expected(n), got(n);
    for (int64_t i = 0; i < n; ++i) copies[i] = one[i % row];
    const void *in[] = {matrix.data(), copies.data()}, *by_row[] = {matrix.data(), one.data()},
               *made[] = {between.data()};
    const int64_t each[] = {1, 1}, row_step[] = {1, row};
    if (op.inner >= 0) {
        level.elementwise[op.inner].forward[dtype<T>](n, in, each, between.data());
        level.elementwise[op.outer].forward[dtype<T>](n, made, each, expected.data());
    } else {
        level.elementwise[op.outer].forward[dtype<T>](n, in, each, expected.data());
    }
    level.row_ops[place][dtype<T> - 2](n, by_row, row_step, got.data());
    CHECK(same_bits(got.values(), expected.values()));
    CHECK(got.fences_stand());
}

void check_row_ops() {
    const std::vector<ChainOf> ops = listed_row_ops(RowOps{});
    for (int place = 0; place < row_op_count; ++place) {
        const ChainOf& op = ops[std::size_t(place)];
        CHECK(find_row_op(op.outer, op.inner) == place);
        for (const KernelTable* level : all_levels())
            for (int64_t row = 1; row <= 70; ++row)
                for (int64_t rows : {0, 1, 2, 3, 7}) {
                    check_row_op<float>(*level, op, place, rows, row);
                    check_row_op<double>(*level, op, place, rows, row);
                }
    }
    CHECK(find_row_op(elementwise_index<Exp>, -1) == -1);
    CHECK(find_row_op(elementwise_index<Relu>, elementwise_index<Multiply>) == -1);
}

}  // namespace

int suite_chain() {
    check_row_ops();
    const std::vector<ListedChain> chains = listed(Chains{});
    for (int place = 0; place < chain_count; ++place) {
        const ChainOf& c = chains[std::size_t(place)].of;
        CHECK(find_chain(c.outer, c.inner, c.at) == place);
    }
    CHECK(find_chain(elementwise_index<Add>, elementwise_index<Multiply>, 1) ==
          find_chain(elementwise_index<Add>, elementwise_index<Multiply>, 0));
    CHECK(find_chain(elementwise_index<Subtract>, elementwise_index<Multiply>, 1) !=
          find_chain(elementwise_index<Subtract>, elementwise_index<Multiply>, 0));
    CHECK(find_chain(elementwise_index<Add>, elementwise_index<Exp>, 0) == -1);
    for (const KernelTable* level : all_levels())
        for (int place = 0; place < chain_count; ++place)
            for (int64_t n = 0; n <= 70; ++n)
                for (int singles = 0; singles < 1 << chains[std::size_t(place)].arity; ++singles) {
                    check_chain<float>(*level, chains[std::size_t(place)], place, n, singles);
                    check_chain<double>(*level, chains[std::size_t(place)], place, n, singles);
                }
    return 0;
}
