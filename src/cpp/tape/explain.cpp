// The texts of programs.
#include "tape/explain.hpp"

#include <cstdio>
#include <unordered_set>

#include "tape/node.hpp"

namespace fg {
namespace {

std::string with_unit(double value, const char* const* units, double factor) {
    int unit = 0;
    while (value >= factor && units[unit + 1]) {
        value /= factor;
        ++unit;
    }
    char text[32];
    std::snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

std::string count_text(double value) {
    static const char* const units[] = {"", "thousand", "million", "billion", nullptr};
    std::string text = with_unit(value, units, 1000);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}
std::string bytes_text(double value) {
    static const char* const units[] = {"bytes", "KiB", "MiB", "GiB", nullptr};
    return with_unit(value, units, 1024);
}

void pad(std::string& line, size_t width) {
    if (line.size() < width) line.append(width - line.size(), ' ');
    else line += "  ";
}

// Many names go on below the first of them.
void append_names(std::string& line, const std::string& names) {
    constexpr size_t width = 100;
    const size_t indent = line.size();
    size_t begin = 0;
    while (names.size() - begin > width) {
        const size_t end = names.rfind(' ', begin + width);
        if (end == std::string::npos || end <= begin) break;
        line += names.substr(begin, end - begin) + "\n" + std::string(indent, ' ');
        begin = end + 1;
    }
    line += names.substr(begin);
}

}  // namespace

std::string recorded_text(const Recording& r, const std::string& indent) {
    std::string out;
    const auto value = [&](int v) {
        constexpr const char* kinds[] = {"in", "captured", "v", "key"};
        return say(kinds[int(r.values()[size_t(v)].kind)], v);
    };
    for (const Instruction& i : r.instructions()) {
        const Meta& meta = r.values()[size_t(i.output)].meta;
        out += indent;
        for (int o = 0; o < i.output_count; ++o) out += (o ? ", " : "") + value(i.output + o);
        out += say(" = ", i.op->name, "(");
        const Span<int> inputs = r.inputs_of(i);
        for (int k = 0; k < inputs.size(); ++k) out += (k ? ", " : "") + value(inputs[size_t(k)]);
        out += say(")  ", name(meta.dtype), meta.shape, i.stops ? "  no gradient\n" : "\n");
        if (i.attrs.region) out += i.attrs.region->text(indent + "  ");
    }
    out += indent + "return";
    for (int v : r.outputs()) out += " " + value(v);
    return out + "\n";
}

GraphSize graph_size(const Tensor& root) {
    GraphSize size;
    std::unordered_set<const Node*> seen;
    std::unordered_set<const Storage*> kept;
    std::vector<const Node*> left;
    const auto visit = [&](const Node* node) {
        if (node && seen.insert(node).second) left.push_back(node);
    };
    const auto keep = [&](const Tensor& t) {
        if (!t || !t.impl()->storage || !kept.insert(t.impl()->storage.get()).second) return;
        size.bytes += t.impl()->storage->bytes();
    };
    visit(creator(root));
    while (!left.empty()) {
        const Node* const node = left.back();
        left.pop_back();
        ++size.nodes;
        bool keeps_output = false;
        for (int i = 0; i < node->arity(); ++i) {
            const Edge& edge = node->edge(i);
            keep(edge.saved);
            visit(edge.node.get());
            keeps_output |= edge.wants_gradient() && (uses(node->op(), i) & uses_out);
        }
        if (keeps_output) keep(node->saved_output());
    }
    return size;
}

std::string steps_text(const Program& program, const std::vector<double>& seconds) {
    std::string out;
    double work = 0, time = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < program.steps().size(); ++i) {
        const StepInfo info = program.steps()[i]->info();
        work += info.work;
        bytes += info.bytes;
        std::string line = say(i);
        pad(line, 5);
        if (!seconds.empty()) {
            time += seconds[i];
            char us[32];
            std::snprintf(us, sizeof us, "%10.3f us  ", 1e6 * seconds[i]);
            line += us;
        }
        line += say(name(info.dtype), info.shape);
        pad(line, seconds.empty() ? 30 : 45);
        line += count_text(info.work) + " operations, " + bytes_text(double(info.bytes));
        pad(line, seconds.empty() ? 70 : 85);
        append_names(line, info.ops);
        out += line + "\n";
    }
    out += say(program.steps().size(), program.steps().size() == 1 ? " step from " : " steps from ",
               program.recording().instructions().size(), " recorded ops: ", count_text(work), " operations, ",
               bytes_text(double(bytes)), " read and written, ", bytes_text(double(program.arena_bytes())),
               " of working memory\n");
    if (!seconds.empty()) {
        char us[64];
        std::snprintf(us, sizeof us, "%.3f us in all\n", 1e6 * time);
        out += us;
    }
    return out;
}

}  // namespace fg
