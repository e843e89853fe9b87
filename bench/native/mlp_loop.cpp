// A whole training loop of one MLP (ReLU, MSE, Adam, float32), written by hand for the machine that runs it: the
// bench's honest ceiling. It does what every contestant does: shuffle, gather the batch, forward, sum the loss,
// backward, Adam. The bench builds it with -O3 -march=native; it is no part of the product. Hidden widths are multiples
// of the vector lanes; the output is one column.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "gemm.hpp"

namespace {

struct Layer {
    std::int64_t in, out;
    std::int64_t weight, bias;  // offsets into the flat buffers
};

struct Mlp {
    std::int64_t in, width, hidden, batch, rows;
    const float* x;  // (rows, in)
    const float* y;  // (rows,)
    std::vector<Layer> layers;
    std::int64_t size = 0;               // of the flat buffers, padding included
    Buffer params, grads, mean, square;  // flat
    std::vector<Buffer> acts,
        deltas;  // acts[0]: the gathered batch; acts[l], deltas[l]: (batch, width) of hidden layer l
    Buffer targets, transposed;
    Scratch scratch;
    std::vector<std::int64_t> order;
    float lr = 1e-3f;
    double beta1_power = 1, beta2_power = 1;
    std::uint64_t random_state = 0x9e3779b97f4a7c15u;
};

// Copies the batch's rows; sizes are multiples of 8 floats in every row of the suite, so that a copy is a few vectors.
void gather(Mlp& net, const std::int64_t* index) {
    float* out = net.acts[0].get();
    const std::int64_t in = net.in;
    for (std::int64_t i = 0; i < net.batch; ++i, out += in) {
        const float* row = net.x + index[i] * in;
        if (in % 8 == 0)
            for (std::int64_t j = 0; j < in; j += 8) std::memcpy(out + j, row + j, 32);
        else std::memcpy(out, row, std::size_t(in) * sizeof(float));
        net.targets[i] = net.y[index[i]];
    }
}

// Output layer, loss and their gradients in one pass over the last hidden activations; returns the summed squared
// error.
double output_layer(Mlp& net) {
    const Layer& layer = net.layers.back();
    const std::int64_t width = layer.in;
    const float* w = net.params.get() + layer.weight;
    float* grad_w = net.grads.get() + layer.weight;
    std::memset(grad_w, 0, std::size_t(width) * sizeof(float));
    const float bias = net.params[layer.bias];
    float grad_bias = 0;
    double loss = 0;
    for (std::int64_t i = 0; i < net.batch; ++i) {
        const float* h = net.acts.back().get() + i * width;
        float* delta = net.deltas.back().get() + i * width;
        Vec dot = {};
        for (std::int64_t j = 0; j < width; j += lanes) dot += load(h + j) * load(w + j);
        const float diff = sum_lanes(dot) + bias - net.targets[i];
        loss += double(diff) * diff;
        const float d = 2 * diff / float(net.batch);
        grad_bias += d;
        for (std::int64_t j = 0; j < width; j += lanes) {
            const Vec value = load(h + j);
            store(grad_w + j, load(grad_w + j) + d * value);
            store(delta + j, value > Vec{} ? d * load(w + j) : Vec{});
        }
    }
    net.grads[layer.bias] = grad_bias;
    return loss;
}

void column_sums(const float* a, std::int64_t rows, std::int64_t cols, float* out) {
    for (std::int64_t j = 0; j < cols; j += lanes) {
        Vec even = {}, odd = {};
        std::int64_t i = 0;
        for (; i + 1 < rows; i += 2) {
            even += load(a + i * cols + j);
            odd += load(a + (i + 1) * cols + j);
        }
        if (i < rows) even += load(a + i * cols + j);
        store(out + j, even + odd);
    }
}

// The first moment of a unit that has died decays into denormals and rounds back to them for ever, which made small
// steps three times slower; it goes to zero instead.
void adam(Mlp& net) {
    constexpr float smallest = std::numeric_limits<float>::min();
    constexpr float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;
    net.beta1_power *= beta1;
    net.beta2_power *= beta2;
    const float step = float(net.lr / (1 - net.beta1_power));
    const float root = float(1 / std::sqrt(1 - net.beta2_power));
    float* __restrict p = net.params.get();
    float* __restrict m = net.mean.get();
    float* __restrict v = net.square.get();
    const float* __restrict g = net.grads.get();
    for (std::int64_t i = 0; i < net.size; ++i) {
        const float first = beta1 * m[i] + (1 - beta1) * g[i];
        m[i] = std::fabs(first) < smallest ? 0 : first;
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
        p[i] -= step * m[i] / (std::sqrt(v[i]) * root + eps);
    }
}

double train_step(Mlp& net, const std::int64_t* index) {
    gather(net, index);
    const std::int64_t batch = net.batch;
    float* params = net.params.get();
    float* grads = net.grads.get();
    const auto hidden = std::size_t(net.hidden);
    for (std::size_t l = 0; l < hidden; ++l) {
        const Layer& layer = net.layers[l];
        gemm({net.acts[l].get(), layer.in, 1}, {params + layer.weight, layer.out, 1}, net.acts[l + 1].get(), batch,
             layer.out, layer.in, {params + layer.bias, nullptr, true}, net.scratch);
    }
    const double loss = output_layer(net);
    for (std::size_t l = hidden; l-- > 0;) {
        const Layer& layer = net.layers[l];
        const float* delta = net.deltas[l].get();
        gemm({net.acts[l].get(), 1, layer.in}, {delta, layer.out, 1}, grads + layer.weight, layer.in, layer.out, batch,
             {}, net.scratch);
        column_sums(delta, batch, layer.out, grads + layer.bias);
        if (l == 0) break;
        // The gradient of the hidden activations, where they were positive.
        const float* mask = net.acts[l].get();
        transpose(params + layer.weight, layer.in, layer.out, net.transposed.get());
        gemm({delta, layer.out, 1}, {net.transposed.get(), layer.in, 1}, net.deltas[l - 1].get(), batch, layer.in,
             layer.out, {nullptr, mask, false}, net.scratch);
    }
    adam(net);
    return loss;
}

void shuffle(Mlp& net) {
    auto& order = net.order;
    for (std::size_t i = order.size(); i > 1; --i) {
        std::uint64_t& s = net.random_state;
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        std::swap(order[i - 1], order[std::size_t(((s >> 32) * i) >> 32)]);
    }
}

}  // namespace

// `params` holds weight (in, out) then bias for each layer. Returns null where a size does not fit. x and y are
// borrowed.
extern "C" void* mlp_create(std::int64_t in, std::int64_t width, std::int64_t hidden, std::int64_t batch,
                            std::int64_t rows, const float* x, const float* y, const float* params, float lr) {
    if (width % 16 != 0 || hidden < 1 || rows % batch != 0) return nullptr;
    auto net = std::make_unique<Mlp>();
    net->in = in, net->width = width, net->hidden = hidden, net->batch = batch, net->rows = rows;
    net->x = x, net->y = y, net->lr = lr;
    for (std::int64_t l = 0; l <= hidden; ++l) {
        Layer layer{l == 0 ? in : width, l == hidden ? 1 : width, net->size, 0};
        layer.bias = layer.weight + padded(layer.in * layer.out);
        net->size = layer.bias + padded(layer.out);
        net->layers.push_back(layer);
    }
    for (Buffer* b : {&net->params, &net->grads, &net->mean, &net->square}) *b = make_buffer(net->size);
    for (const Layer& layer : net->layers) {
        std::copy_n(params, layer.in * layer.out, net->params.get() + layer.weight);
        params += layer.in * layer.out;
        std::copy_n(params, layer.out, net->params.get() + layer.bias);
        params += layer.out;
    }
    net->acts.push_back(make_buffer(batch * in));
    for (std::int64_t l = 0; l < hidden; ++l) {
        net->acts.push_back(make_buffer(batch * width));
        net->deltas.push_back(make_buffer(batch * width));
    }
    net->targets = make_buffer(batch);
    net->transposed = make_buffer(width * width);
    const std::int64_t longest = std::max({in, width, batch});
    net->scratch.reserve(longest, width);
    for (std::int64_t i = 0; i < rows; ++i) net->order.push_back(i);
    return net.release();
}

// One epoch in the given order, or in a fresh shuffled one where `order` is null. Returns the mean squared error over
// the epoch.
extern "C" double mlp_epoch(void* handle, const std::int64_t* order) {
    Mlp& net = *static_cast<Mlp*>(handle);
    if (order == nullptr) {
        shuffle(net);
        order = net.order.data();
    }
    double loss = 0;
    for (std::int64_t start = 0; start < net.rows; start += net.batch) loss += train_step(net, order + start);
    return loss / double(net.rows);
}

extern "C" void mlp_free(void* handle) { delete static_cast<Mlp*>(handle); }
