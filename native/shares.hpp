// Which rows of a chunk belong to each component, and with what share of their weight.
#pragma once

#include "elementary.hpp"
#include "panel.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr double negligible = 42.0;  // nats below a row's best: e^-42 < 2^-60
constexpr size_t sum_vectors = 8;    // of columns, whose sums are in registers
// Of L1, which may be shared; long vectors want longer lists than it holds.
constexpr size_t chunk_bytes = (vector_bytes < 64 ? 18 : 48) * 1024;

// As many whole panels of rows as keep so many of their columns in L1.
constexpr size_t chunk_rows =
    larger<size_t>(1, chunk_bytes / (sum_vectors * vector_bytes) / sheet_rows) * sheet_rows;

// The rows of one component.
struct Members {
    const std::int32_t* row;  // places in the chunk, ascending
    const double* share;
    size_t count;
};

// Lists of the rows of each component.
class Shares {
public:
    explicit Shares(size_t count)
        : components(count), row_(count * room), value_(count * room), count_(count) {
        clear();
    }

    void clear() { __builtin_memset(count_, 0, components * sizeof(size_t)); }

    COFACTOR_INLINE Members of(size_t c) const {
        return {row_ + c * room, value_ + c * room, count_[c]};
    }
    COFACTOR_INLINE double* values(size_t c) const { return value_ + c * room; }

    // Append rows first, first + 1 ... whose value counts.
    template <class Counts>
    COFACTOR_INLINE void append(size_t c, size_t first, size_t rows, const double* values,
                                Counts counts) {
        std::int32_t* const row = row_ + c * room;
        double* const value = value_ + c * room;
        size_t count = count_[c];
        for (size_t i = 0; i < rows; ++i) {
            row[count] = static_cast<std::int32_t>(first + i);
            value[count] = values[i];
            count += counts(values[i]);
        }
        count_[c] = count;
    }

    const size_t components;

private:
    static constexpr size_t room = chunk_rows + 16;  // to append to and to round up

    Scratch<std::int32_t> row_;
    Scratch<double> value_;
    Scratch<size_t> count_;
};

// The posterior of a chunk of rows: their losses become shares.
class ChunkPosterior {
public:
    explicit ChunkPosterior(size_t components) : shares(components) {}

    void clear() {
        rows = 0;
        shares.clear();
    }

    // Add the losses of the next rows, of which a panel may hold fewer.
    void add(const double* loss, size_t count) {
        find_least(loss);
        for (size_t c = 0; c < shares.components; ++c) add(c, loss + c * sheet_rows, count);
        rows += count;
    }

    // Turn the losses added into shares of weights.
    void normalise(const double* weights, double* log_norm) {
        __builtin_memset(total_, 0, sizeof total_);
        for (size_t c = 0; c < shares.components; ++c) exponentiate(c);
        double scale[chunk_rows];
        for (size_t i = 0; i < chunk_rows; i += lanes<double>) {
            const Vec<double> least = load(least_ + i), total = load(total_ + i);
            const Vec<double> finite = log_positive<double>(total) - least;
            store<double>(norm_ + i, least < infinity<double> ? finite : -splat(infinity<double>));
            store<double>(scale + i, splat(1.0) / total);
        }
        for (size_t i = 0; i < rows; ++i) {
            log_norm[i] = norm_[i];
            scale[i] *= weights[i];
        }
        for (size_t c = 0; c < shares.components; ++c) {
            const Members members = shares.of(c);
            double* const value = shares.values(c);
            for (size_t j = 0; j < members.count; ++j) value[j] *= scale[members.row[j]];
        }
    }

    Shares shares;
    size_t rows = 0;
    Label best[chunk_rows];

private:
    void find_least(const double* loss) {
        Vec<double> least[sheet_vectors];
        Int<double> first[sheet_vectors] = {}, id{};
        for (size_t v = 0; v < sheet_vectors; ++v) least[v] = load(loss + v * lanes<double>);
        for (size_t c = 1; c < shares.components; ++c) {
            loss += sheet_rows;
            id += 1;
            for (size_t v = 0; v < sheet_vectors; ++v) {
                const Vec<double> own = load(loss + v * lanes<double>);
                const Int<double> better = own < least[v];
                least[v] = better ? own : least[v];
                first[v] = better ? id : first[v];
            }
        }
        for (size_t v = 0; v < sheet_vectors; ++v) {
            const size_t row = rows + v * lanes<double>;
            store<double>(least_ + row, least[v]);
            for (size_t i = 0; i < lanes<double>; ++i)
                best[row + i] = static_cast<Label>(first[v][i]);
        }
    }

    // A row without a possible component belongs to all alike.
    COFACTOR_INLINE void add(size_t c, const double* loss, size_t count) {
        double excess[sheet_rows];
        Int<double> some{};
        for (size_t i = 0; i < sheet_rows; i += lanes<double>) {
            const Vec<double> least = load(least_ + rows + i);
            const Vec<double> above = least - load(loss + i);
            const Vec<double> own = least < infinity<double> ? above : Vec<double>{};
            some |= own >= -splat(negligible);
            store<double>(excess + i, own);
        }
        const auto counts = [](double own) { return own >= -negligible; };
        if (!any<double>(some)) return;
        if (count == sheet_rows)
            shares.append(c, rows, sheet_rows, excess, counts);
        else
            shares.append(c, rows, count, excess, counts);
    }

    COFACTOR_INLINE void exponentiate(size_t c) {
        const Members members = shares.of(c);
        double* const value = shares.values(c);
        for (size_t j = 0; j < lanes<double>; ++j) value[members.count + j] = 0.0;
        for (size_t j = 0; j < members.count; j += lanes<double>)
            store<double>(value + j, exp_nonpositive(load(value + j)));
        for (size_t j = 0; j < members.count; ++j) total_[members.row[j]] += value[j];
    }

    double least_[chunk_rows], total_[chunk_rows], norm_[chunk_rows];
};

}  // namespace cofactor::COFACTOR_ISA
