// Programs: recordings of ragged sizes replayed alone and in sessions give the bits of the ops used one by one.
#include <cstring>
#include <functional>
#include <random>

#include "check.hpp"
#include "core/error.hpp"
#include "core/thread_count.hpp"
#include "ops/contract.hpp"
#include "ops/elementwise.hpp"
#include "ops/reduce.hpp"
#include "ops/register.hpp"
#include "ops/shape.hpp"
#include "tape/backward.hpp"
#include "tape/program.hpp"
#include "tape/registry.hpp"

namespace {

using namespace fg;
using Tensors = std::vector<Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

Tensor random_tensor(DType dtype, const Dims& shape, std::mt19937& engine) {
    Tensor t = Tensor::empty(DType::float64, shape);
    std::uniform_real_distribution<double> numbers(-1.5, 1.5);
    for (int64_t i = 0; i < t.size(); ++i) t.view().as<double>()[i] = numbers(engine);
    return clone(astype(t, dtype));
}

Ref<Program> recorded(const Function& f, const Tensors& examples) {
    Recording recording;
    Tensors inputs;
    for (const Tensor& t : examples) inputs.push_back(recording.add_input(t.meta()));
    {
        const RecordingScope scope(recording);
        recording.set_outputs(f(inputs));
    }
    return make_ref<Program>(std::move(recording));
}

bool same_bits(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
    const Tensor x = contiguous(a), y = contiguous(b);
    return std::memcmp(x.view().data, y.view().data, size_t(x.size() * itemsize(x.dtype()))) == 0;
}

bool same_bits(const Tensors& a, const Tensors& b) {
    bool same = a.size() == b.size();
    for (size_t i = 0; same && i < a.size(); ++i) same = same_bits(a[i], b[i]);
    return same;
}

void check_replays(const Function& f, const Tensors& in) {
    const Ref<Program> program = recorded(f, in);
    const Tensors expected = f(in);
    Session first(program), second(program, &first);
    for (Session* session : {&first, &second})
        for (size_t i = 0; i < in.size(); ++i) copy(in[i].view(), session->inputs()[i].view());
    for (int threads : {1, 3}) {
        set_num_threads(threads);
        CHECK(same_bits(program->run(in), expected));
        for (Session* session : {&first, &second}) {
            session->run();
            CHECK(same_bits(session->outputs(), expected));
        }
    }
    set_num_threads(1);
}

// Rows and columns that are repeated, and those that are not.
Tensors patterns(const Tensors& in) {
    const Tensor &x = in[0], &row = in[1], &column = in[2], &one = in[3];
    const Tensor y = call<kernels::Tanh>(x * row + column) / (x * x + one);
    return {y, select(x > row, y - column, row * one), transpose(y), y + Tensor(0.5), y};
}

// What elementwise ops follow.
Tensors behind_producers(const Tensors& in) {
    const Tensor& x = in[0];
    const Tensor product = matmul(x, transpose(x)) * Tensor(0.25);
    const Tensor mean_of_rows = mean(x, {-1}, true) + in[2];
    const Tensor sums = call<kernels::Exp>(sum(x, {0}) * Tensor(0.01)) * in[1];
    return {call<kernels::Relu>(product) + mean_of_rows, sums, mean_of_rows * mean_of_rows,
            logsumexp(x, {-1}) - max(x, {-1})};
}

Tensors views_and_parts(const Tensors& in) {
    const Tensor& x = in[0];
    const Dims shape = x.shape();
    const Tensor turned = slice(x, {shape[0] - 1, 0}, {-1, 1}, shape);
    const Tensor spread = broadcast_to(slice(x, {0, 0}, {1, 1}, {1, shape[1]}), shape);
    const Tensors ten(10, turned * Tensor(2.0));
    return {turned,
            spread,
            concatenate(ten, 0),
            reshape(x + spread, {shape[1], shape[0]}),
            x,
            in[3],
            astype(x > turned, DType::int64) + Tensor::weak_integer(1)};
}

Tensors slopes(const Tensors& in) {
    Tensors leaves;
    for (const Tensor& t : in) {
        leaves.push_back(identity(t));
        leaves.back().impl()->requires_grad = true;
    }
    return leaves;
}

// The gradient of a small network by all that it reads.
Tensors gradient(const Tensors& in) {
    const GradMode on(true);
    const Tensors p = slopes(in);
    const Tensor hidden = call<kernels::Relu>(matmul(p[0], transpose(p[0])) * Tensor(0.1) + p[2]);
    const Tensor loss = sum(hidden * hidden, {0, 1}) + sum(call<kernels::Sin>(p[0] * p[1] + p[3]), {0, 1});
    Tensors out = gradients({&loss, 1}, Tensors(1), p, false, false);
    out.push_back(loss.detach());
    return out;
}

void test_ragged_sizes() {
    std::mt19937 engine(1);
    for (DType dtype : {DType::float32, DType::float64})
        for (int64_t rows : {0, 1, 2, 7, 9, 33, 100})
            for (int64_t columns : {1, 3, 8, 31, 257, 1025}) {
                const Tensors in{random_tensor(dtype, {rows, columns}, engine), random_tensor(dtype, {columns}, engine),
                                 random_tensor(dtype, {rows, 1}, engine), random_tensor(dtype, {}, engine)};
                check_replays(patterns, in);
                if (rows == 0) continue;  // no largest of nothing, no row to read
                check_replays(behind_producers, in);
                check_replays(views_and_parts, in);
                check_replays(gradient, in);
            }
}

void test_cut_for_threads() {
    std::mt19937 engine(2);
    for (const Dims& shape : {Dims{3, 33335}, Dims{33335, 3}, Dims{331, 257}}) {
        const Tensors in{
            random_tensor(DType::float32, shape, engine), random_tensor(DType::float32, {shape[1]}, engine),
            random_tensor(DType::float32, {shape[0], 1}, engine), random_tensor(DType::float32, {}, engine)};
        check_replays(patterns, in);
        check_replays(views_and_parts, in);
    }
}

void test_results_are_apart() {
    std::mt19937 engine(3);
    const Tensors in{random_tensor(DType::float64, {3, 3}, engine)};
    const Function f = [](const Tensors& x) -> Tensors {
        const Tensor y = x[0] * Tensor(2.0);
        return {y, y, transpose(y), broadcast_to(slice(y, {0, 0}, {1, 1}, {1, 3}), {3, 3}), x[0]};
    };
    const Ref<Program> program = recorded(f, in);
    const Tensors expected = f(in), results = program->run(in);
    for (size_t i = 0; i < results.size(); ++i) {
        copy(Tensor::zeros(DType::float64, {3, 3}).view(), results[i].view());
        for (size_t k = i + 1; k < results.size(); ++k) CHECK(same_bits(results[k], expected[k]));
    }
    CHECK(same_bits(program->run(in), expected));
}

void test_long_recordings() {
    const Tensor x = Tensor::full(DType::float64, {5}, 1.0);
    const Function f = [](const Tensors& in) -> Tensors {
        Tensor y = in[0];
        for (int i = 0; i < 100000; ++i) y = y + in[0];
        return {y};
    };
    const Ref<Program> program = recorded(f, {x});
    CHECK(program->steps().size() == 1);
    CHECK(program->run({&x, 1})[0].view().as<double>()[4] == 100001.0);
}

void test_refusals() {
    const Tensor x = Tensor::zeros(DType::float64, {2, 3}), other = Tensor::zeros(DType::float64, {3, 2});
    const Ref<Program> program = recorded([](const Tensors& in) -> Tensors { return {in[0] + in[0]}; }, {x});
    bool refused = false;
    try {
        program->run({&other, 1});
    } catch (const ValueError&) {
        refused = true;
    }
    CHECK(refused);
    CHECK(program->run({&x, 1})[0].size() == 6);
}

}  // namespace

int suite_program() {
    if (all_ops().empty()) register_all_ops();
    const GradMode off(false);
    test_ragged_sizes();
    test_cut_for_threads();
    test_results_are_apart();
    test_long_recordings();
    test_refusals();
    return 0;
}
