// What is known of a row's component: the posterior of all of them, or the few best.
//
// Lanes are rows. A panel holds as many rows as a tile has lanes, transposed and in float64; its
// losses under all components stay in the cache until they have become probabilities.
#pragma once

#include "elementary.hpp"
#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

// The registers hold `outputs` x `sheet_vectors` accumulators, a column of the panel and one
// broadcast.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t outputs = 4, sheet_vectors = 6;  // of 32 registers
#else
constexpr size_t outputs = 4, sheet_vectors = 3;  // of 16 registers
#endif

constexpr size_t sheet_rows = sheet_vectors * lanes<double>;
constexpr double negligible = 55.0;  // nats below the best: e^-55 < 2^-79

using Sheet = Vec<double>[outputs][sheet_vectors];

COFACTOR_INLINE size_t groups_of(size_t n) { return (n + outputs - 1) / outputs; }

template <class T>
COFACTOR_INLINE Quad<double>::Vec wide_quad(const T* at) {
    return __builtin_convertvector(load_quad(at), Quad<double>::Vec);
}

// to[l * sheet_rows + j] = row j [l] - shift[l] for four rows.
template <class T>
COFACTOR_INLINE void pack_four(const T* first, const double* shift, size_t d, double* to) {
    size_t l = 0;
    for (; l + 4 <= d; l += 4) {
        const Quad<double>::Vec offset = load_quad(shift + l);
        const Quad<double>::Vec r[4] = {
            wide_quad(first + l) - offset, wide_quad(first + d + l) - offset,
            wide_quad(first + 2 * d + l) - offset, wide_quad(first + 3 * d + l) - offset};
        Quad<double>::Vec column[4];
        Quad<double>::transpose(r, column);
        for (size_t i = 0; i < 4; ++i) store_quad(to + (l + i) * sheet_rows, column[i]);
    }
    for (; l < d; ++l)
        for (size_t j = 0; j < 4; ++j)
            to[l * sheet_rows + j] = static_cast<double>(first[j * d + l]) - shift[l];
}

// panel[l * sheet_rows + i] = X[row + i][l] - shift[l]; rows that do not exist are zero.
template <class T>
void pack_rows(Matrix<const T> X, const double* shift, size_t row, double* panel) {
    const size_t d = X.columns, count = smaller(sheet_rows, X.rows - row);
    const T* const first = X.data + row * d;
    if (count < sheet_rows) __builtin_memset(panel, 0, sheet_rows * d * sizeof(double));
    size_t i = 0;
    for (; i + 4 <= count; i += 4) pack_four(first + i * d, shift, d, panel + i);
    for (; i < count; ++i)
        for (size_t l = 0; l < d; ++l)
            panel[l * sheet_rows + i] = static_cast<double>(first[i * d + l]) - shift[l];
}

// Append what is asked of [x, |x|^2] or [x, x^2] beyond x; lane by lane the same operations.
inline void append_features(double* panel, size_t d, size_t features) {
    if (features == d) return;
    for (size_t i = 0; i < sheet_rows; i += lanes<double>) {
        double* to = panel + d * sheet_rows + i;
        Vec<double> norm{};
        for (const double* from = panel + i; from < panel + d * sheet_rows; from += sheet_rows) {
            const Vec<double> x = load(from);
            norm += x * x;
            if (features == d + 1) continue;
            store<double>(to, x * x);
            to += sheet_rows;
        }
        if (features == d + 1) store<double>(to, norm);
    }
}

// sheet[r] += sum over l of panel[l] * weights[l * outputs + r]
COFACTOR_INLINE void add_products(const double* panel, const double* weights, size_t depth,
                                  Sheet& sheet) {
    for (size_t l = 0; l < depth; ++l) {
        Vec<double> x[sheet_vectors];
        for (size_t v = 0; v < sheet_vectors; ++v) x[v] = load(panel + v * lanes<double>);
        for (size_t r = 0; r < outputs; ++r) {
            const Vec<double> weight = splat(weights[r]);
            for (size_t v = 0; v < sheet_vectors; ++v) sheet[r][v] += x[v] * weight;
        }
        panel += sheet_rows;
        weights += outputs;
    }
}

COFACTOR_INLINE void set_rows(Sheet& sheet, const double* values) {
    for (size_t r = 0; r < outputs; ++r)
        for (size_t v = 0; v < sheet_vectors; ++v) sheet[r][v] = splat(values[r]);
}

// Losses offsets[c] - <x, slopes[c]>.
class AffineLosses {
public:
    AffineLosses(Matrix<const double> slopes, const double* offsets)
        : components(slopes.rows),
          features(slopes.columns),
          slopes_(groups_of(components) * outputs * features),
          offsets_(groups_of(components) * outputs) {
        for (size_t c = 0; c < groups_of(components) * outputs; ++c) {
            double* const to = slopes_ + c / outputs * outputs * features + c % outputs;
            const bool real = c < components;
            for (size_t l = 0; l < features; ++l)
                to[l * outputs] = real ? -slopes.data[c * features + l] : 0.0;
            offsets_[c] = real ? offsets[c] : 0.0;
        }
    }

    // loss[c * sheet_rows + i] of every row of a panel
    void fill(const double* panel, double* loss) const {
        for (size_t c = 0; c < components; c += outputs) {
            Sheet sheet;
            set_rows(sheet, offsets_ + c);
            add_products(panel, slopes_ + c * features, features, sheet);
            for (size_t r = 0; r < smaller(outputs, components - c); ++r)
                for (size_t v = 0; v < sheet_vectors; ++v)
                    store<double>(loss + (c + r) * sheet_rows + v * lanes<double>, sheet[r][v]);
        }
    }

    const size_t components, features;

private:
    Scratch<double> slopes_, offsets_;
};

// Losses offsets[c] + |x P_c - centers[c]|^2 / 2 with upper triangular factors P_c.
class WhitenedLosses {
public:
    WhitenedLosses(const double* factors, Matrix<const double> centers, const double* offsets)
        : components(centers.rows),
          features(centers.columns),
          size_(packed_size(features)),
          packed_(components * size_),
          offsets_(offsets) {
        for (size_t c = 0; c < components; ++c)
            pack(factors + c * features * features, centers.data + c * features,
                 packed_ + c * size_);
    }

    void fill(const double* panel, double* loss) const {
        for (size_t c = 0; c < components; ++c) {
            Vec<double> squares[sheet_vectors] = {};
            const double* packed = packed_ + c * size_;
            for (size_t j = 0; j < features; j += outputs) {
                const size_t depth = smaller(j + outputs, features);
                Sheet sheet;
                set_rows(sheet, packed);
                add_products(panel, packed + outputs, depth, sheet);
                for (size_t r = 0; r < outputs; ++r)
                    for (size_t v = 0; v < sheet_vectors; ++v)
                        squares[v] += sheet[r][v] * sheet[r][v];
                packed += (1 + depth) * outputs;
            }
            for (size_t v = 0; v < sheet_vectors; ++v)
                store<double>(loss + c * sheet_rows + v * lanes<double>,
                              squares[v] * 0.5 + offsets_[c]);
        }
    }

    const size_t components, features;

private:
    static size_t packed_size(size_t d) {
        size_t size = 0;
        for (size_t j = 0; j < d; j += outputs) size += (1 + smaller(j + outputs, d)) * outputs;
        return size;
    }

    // For every four columns: minus their centres, and as much of the columns as is not zero.
    void pack(const double* factor, const double* center, double* to) const {
        for (size_t j = 0; j < features; j += outputs) {
            const size_t depth = smaller(j + outputs, features);
            for (size_t r = 0; r < outputs; ++r) {
                const bool real = j + r < features;
                to[r] = real ? -center[j + r] : 0.0;
                for (size_t l = 0; l < depth; ++l)
                    to[(1 + l) * outputs + r] =
                        real && l <= j + r ? factor[l * features + j + r] : 0.0;
            }
            to += (1 + depth) * outputs;
        }
    }

    const size_t size_;
    Scratch<double> packed_;
    const double* offsets_;
};

// Turns the losses of a panel into probabilities; a row without a possible component gets
// uniform ones.
class PanelPosterior {
public:
    PanelPosterior(double* loss, size_t components) : loss_(loss), components_(components) {}

    void normalise() {
        find_least();
        for (size_t v = 0; v < sheet_vectors; ++v) {
            possible_[v] = least_[v] < splat(infinity<double>);
            total_[v] = Vec<double>{};
        }
        for (size_t c = 0; c < components_; ++c) exponentiate(loss_ + c * sheet_rows);
    }

    // log sum over c of e^-loss
    COFACTOR_INLINE Vec<double> log_norm(size_t v) const {
        const Vec<double> finite = log_positive<double>(total_[v]) - least_[v];
        return possible_[v] ? finite : splat(-infinity<double>);
    }

    COFACTOR_INLINE Vec<double> total(size_t v) const { return total_[v]; }
    COFACTOR_INLINE Int<double> best(size_t v) const { return best_[v]; }

private:
    void find_least() {
        for (size_t v = 0; v < sheet_vectors; ++v) {
            least_[v] = load(loss_ + v * lanes<double>);
            best_[v] = Int<double>{};
        }
        for (size_t c = 1; c < components_; ++c) {
            const Int<double> id = splat_int<double>(static_cast<Lane<double>>(c));
            for (size_t v = 0; v < sheet_vectors; ++v) {
                const Vec<double> loss = load(loss_ + c * sheet_rows + v * lanes<double>);
                const Int<double> better = loss < least_[v];
                least_[v] = better ? loss : least_[v];
                best_[v] = better ? id : best_[v];
            }
        }
    }

    COFACTOR_INLINE void exponentiate(double* at) {
        Vec<double> excess[sheet_vectors];
        Int<double> counts{};
        for (size_t v = 0; v < sheet_vectors; ++v) {
            const Vec<double> above = least_[v] - load(at + v * lanes<double>);
            excess[v] = possible_[v] ? above : Vec<double>{};
            counts |= excess[v] >= splat(-negligible);
        }
        if (!any<double>(counts)) {
            for (size_t v = 0; v < sheet_vectors; ++v)
                store<double>(at + v * lanes<double>, Vec<double>{});
            return;
        }
        for (size_t v = 0; v < sheet_vectors; ++v) {
            const Vec<double> value = excess[v] >= splat(-negligible)
                                          ? exp_nonpositive(excess[v])
                                          : Vec<double>{};
            total_[v] += value;
            store<double>(at + v * lanes<double>, value);
        }
    }

    double* const loss_;
    const size_t components_;
    Vec<double> least_[sheet_vectors], total_[sheet_vectors];
    Int<double> best_[sheet_vectors], possible_[sheet_vectors];
};

// Writes the posterior of every panel to its place.
class PosteriorWriter {
public:
    explicit PosteriorWriter(Posterior out) : out_(out) {}

    void take(size_t row, size_t count, double* loss) const {
        PanelPosterior panel(loss, out_.probability.rows);
        panel.normalise();
        double scale[sheet_rows], log_norm[sheet_rows];
        for (size_t v = 0; v < sheet_vectors; ++v) {
            store<double>(log_norm + v * lanes<double>, panel.log_norm(v));
            store<double>(scale + v * lanes<double>, splat(1.0) / panel.total(v));
        }
        for (size_t i = 0; i < count; ++i) {
            out_.log_norm[row + i] = log_norm[i];
            out_.best[row + i] =
                static_cast<Label>(panel.best(i / lanes<double>)[i % lanes<double>]);
            scale[i] *= out_.weights[row + i];
        }
        const size_t n = out_.probability.columns;
        for (size_t c = 0; c < out_.probability.rows; ++c)
            write(loss + c * sheet_rows, scale, count, out_.probability.data + c * n + row);
    }

private:
    COFACTOR_INLINE static void write(double* value, const double* scale, size_t count,
                                      double* to) {
        double* const at = count == sheet_rows ? to : value;
        for (size_t i = 0; i < sheet_rows; i += lanes<double>)
            store<double>(at + i, load(value + i) * load(scale + i));
        for (size_t i = 0; at != to && i < count; ++i) to[i] = value[i];
    }

    const Posterior out_;
};

// Writes the smallest losses of every row, ascending; the lower component wins a tie.
class TopWriter {
public:
    TopWriter(Matrix<Label> index, double* loss, size_t components)
        : index_(index), loss_(loss), components_(components) {}

    void take(size_t row, size_t count, const double* loss) const {
        const size_t keep = index_.columns;
        for (size_t i = 0; i < count; ++i) {
            Label* const index = index_.data + (row + i) * keep;
            double* const best = loss_ + (row + i) * keep;
            for (size_t c = 0; c < components_; ++c)
                insert(loss[c * sheet_rows + i], static_cast<Label>(c), smaller(c, keep), keep,
                       index, best);
        }
    }

private:
    COFACTOR_INLINE static void insert(double loss, Label component, size_t held, size_t keep,
                                       Label* index, double* best) {
        if (held == keep && !(loss < best[keep - 1])) return;
        size_t place = held == keep ? keep - 1 : held;
        for (; place > 0 && loss < best[place - 1]; --place) {
            best[place] = best[place - 1];
            index[place] = index[place - 1];
        }
        best[place] = loss;
        index[place] = component;
    }

    const Matrix<Label> index_;
    double* const loss_;
    const size_t components_;
};

template <class T, class Losses, class Writer>
void for_each_panel(Matrix<const T> X, const double* shift, const Losses& losses,
                    const Writer& writer) {
    const Scratch<double> panel(losses.features * sheet_rows);
    const Scratch<double> loss(losses.components * sheet_rows);
    for (size_t row = 0; row < X.rows; row += sheet_rows) {
        pack_rows(X, shift, row, panel);
        append_features(panel, X.columns, losses.features);
        losses.fill(panel, loss);
        writer.take(row, smaller(sheet_rows, X.rows - row), loss);
    }
}

template <class T>
void affine_posterior(Matrix<const T> X, const double* shift, Matrix<const double> slopes,
                      const double* offsets, Posterior out) {
    for_each_panel(X, shift, AffineLosses(slopes, offsets), PosteriorWriter(out));
}

template <class T>
void affine_top(Matrix<const T> X, const double* shift, Matrix<const double> slopes,
                const double* offsets, Matrix<Label> index, double* loss) {
    for_each_panel(X, shift, AffineLosses(slopes, offsets),
                   TopWriter(index, loss, slopes.rows));
}

template <class T>
void whitened_posterior(Matrix<const T> X, const double* shift, const double* factors,
                        Matrix<const double> centers, const double* offsets, Posterior out) {
    for_each_panel(X, shift, WhitenedLosses(factors, centers, offsets), PosteriorWriter(out));
}

template <class T>
void whitened_top(Matrix<const T> X, const double* shift, const double* factors,
                  Matrix<const double> centers, const double* offsets, Matrix<Label> index,
                  double* loss) {
    for_each_panel(X, shift, WhitenedLosses(factors, centers, offsets),
                   TopWriter(index, loss, centers.rows));
}

}  // namespace cofactor::COFACTOR_ISA
