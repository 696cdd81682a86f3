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

COFACTOR_INLINE void store_sheet(const Sheet& sheet, double* to, size_t count) {
    for (size_t r = 0; r < count; ++r)
        for (size_t v = 0; v < sheet_vectors; ++v)
            store<double>(to + r * sheet_rows + v * lanes<double>, sheet[r][v]);
}

COFACTOR_INLINE void add_squares(const Sheet& sheet, Vec<double> (&squares)[sheet_vectors]) {
    for (size_t r = 0; r < outputs; ++r)
        for (size_t v = 0; v < sheet_vectors; ++v) squares[v] += sheet[r][v] * sheet[r][v];
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
            store_sheet(sheet, loss + c * sheet_rows, smaller(outputs, components - c));
        }
    }

    const size_t components, features;

private:
    Scratch<double> slopes_, offsets_;
};

// Upper triangular matrices P_c of one size: what rows are multiplied by.
class PackedFactors {
public:
    PackedFactors(const double* factors, size_t count, size_t size)
        : d(size), size_(packed_size(size)), packed_(count * size_) {
        for (size_t c = 0; c < count; ++c) pack(factors + c * d * d, packed_ + c * size_);
    }

    // Call visit(j, sheet) with every four columns from j on of x P_c - center; columns beyond
    // the last are zero. The centre is padded to whole fours.
    template <class Visit>
    COFACTOR_INLINE void for_each_sheet(const double* panel, size_t c, const double* center,
                                        Visit visit) const {
        const double* packed = packed_ + c * size_;
        for (size_t j = 0; j < d; j += outputs) {
            const size_t depth = smaller(j + outputs, d);
            Sheet sheet;
            for (size_t r = 0; r < outputs; ++r)
                for (size_t v = 0; v < sheet_vectors; ++v) sheet[r][v] = splat(-center[j + r]);
            add_products(panel, packed, depth, sheet);
            visit(j, sheet);
            packed += depth * outputs;
        }
    }

    const size_t d;

private:
    static size_t packed_size(size_t d) {
        size_t size = 0;
        for (size_t j = 0; j < d; j += outputs) size += smaller(j + outputs, d) * outputs;
        return size;
    }

    // For every four columns, as much of them as is not zero.
    void pack(const double* factor, double* to) const {
        for (size_t j = 0; j < d; j += outputs)
            for (size_t l = 0; l < smaller(j + outputs, d); ++l, to += outputs)
                for (size_t r = 0; r < outputs; ++r)
                    to[r] = j + r < d && l <= j + r ? factor[l * d + j + r] : 0.0;
    }

    const size_t size_;
    Scratch<double> packed_;
};

// Losses offsets[c] + |x P_c - centers[c]|^2 / 2, a factor for each component.
class WhitenedLosses {
public:
    WhitenedLosses(const double* factors, Matrix<const double> centers, const double* offsets)
        : components(centers.rows),
          features(centers.columns),
          width_(groups_of(features) * outputs),
          factors_(factors, components, features),
          centers_(components * width_),
          offsets_(offsets) {
        for (size_t c = 0; c < components; ++c)
            for (size_t j = 0; j < width_; ++j)
                centers_[c * width_ + j] = j < features ? centers.data[c * features + j] : 0.0;
    }

    void fill(const double* panel, double* loss) const {
        for (size_t c = 0; c < components; ++c) {
            Vec<double> squares[sheet_vectors] = {};
            factors_.for_each_sheet(panel, c, centers_ + c * width_,
                                    [&squares](size_t, const Sheet& sheet) {
                                        add_squares(sheet, squares);
                                    });
            for (size_t v = 0; v < sheet_vectors; ++v)
                store<double>(loss + c * sheet_rows + v * lanes<double>,
                              squares[v] * 0.5 + offsets_[c]);
        }
    }

    const size_t components, features;

private:
    const size_t width_;
    const PackedFactors factors_;
    Scratch<double> centers_;
    const double* const offsets_;
};

// Losses offsets[c] + |x P - centers[c]|^2 / 2, one factor for all: affine in the whitened row.
class TiedLosses {
public:
    TiedLosses(const double* factor, Matrix<const double> centers, const double* offsets)
        : components(centers.rows),
          features(centers.columns),
          factor_(factor, 1, features),
          affine_(centers, offsets),
          zeros_(groups_of(features) * outputs),
          whitened_(groups_of(features) * outputs * sheet_rows),
          half_norms_(components) {
        __builtin_memset(zeros_, 0, groups_of(features) * outputs * sizeof(double));
        for (size_t c = 0; c < components; ++c) {
            const double* const center = centers.data + c * features;
            half_norms_[c] =
                0.5 * sum_of(features, [center](size_t l) { return center[l] * center[l]; });
        }
    }

    void fill(const double* panel, double* loss) const {
        Vec<double> squares[sheet_vectors] = {};
        factor_.for_each_sheet(panel, 0, zeros_, [&](size_t j, const Sheet& sheet) {
            add_squares(sheet, squares);
            store_sheet(sheet, whitened_ + j * sheet_rows, outputs);
        });
        affine_.fill(whitened_, loss);
        for (size_t c = 0; c < components; ++c)
            for (size_t v = 0; v < sheet_vectors; ++v) {
                double* const at = loss + c * sheet_rows + v * lanes<double>;
                store<double>(at, load(at) + (squares[v] * 0.5 + half_norms_[c]));
            }
    }

    const size_t components, features;

private:
    const PackedFactors factor_;
    const AffineLosses affine_;
    Scratch<double> zeros_, whitened_, half_norms_;
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
        : index_(index), loss_(loss), components_(components), places_(index.columns) {}

    void take(size_t row, size_t count, const double* loss) const {
        const size_t keep = index_.columns;
        for (size_t c = 0; c < components_; ++c)
            for (size_t v = 0; v < sheet_vectors; ++v)
                offer(load(loss + c * sheet_rows + v * lanes<double>), c, v, smaller(c, keep));
        for (size_t i = 0; i < count; ++i)
            for (size_t p = 0; p < keep; ++p) {
                const size_t v = i / lanes<double>, lane = i % lanes<double>;
                const size_t at = (row + i) * keep + p;
                index_.data[at] = static_cast<Label>(places_[p].component[v][lane]);
                loss_[at] = places_[p].loss[v][lane];
            }
    }

private:
    struct Place {
        Vec<double> loss[sheet_vectors];
        Int<double> component[sheet_vectors];
    };

    // From the first place that holds more, all losses move down; `held` places are filled.
    COFACTOR_INLINE void offer(Vec<double> loss, size_t c, size_t v, size_t held) const {
        const size_t keep = index_.columns;
        if (held == keep && !any<double>(loss < places_[keep - 1].loss[v])) return;
        Int<double> component = splat_int<double>(static_cast<Lane<double>>(c));
        Int<double> moves{};
        for (size_t p = 0; p < held; ++p) {
            const Vec<double> other = places_[p].loss[v];
            const Int<double> other_component = places_[p].component[v];
            moves |= loss < other;
            places_[p].loss[v] = moves ? loss : other;
            places_[p].component[v] = moves ? component : other_component;
            loss = moves ? other : loss;
            component = moves ? other_component : component;
        }
        if (held == keep) return;
        places_[held].loss[v] = loss;
        places_[held].component[v] = component;
    }

    const Matrix<Label> index_;
    double* const loss_;
    const size_t components_;
    const Scratch<Place> places_;
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

template <class T, class Writer>
void for_each_whitened(Matrix<const T> X, const double* shift, Gaussians model,
                       const Writer& writer) {
    if (model.n_factors == 1)
        for_each_panel(X, shift, TiedLosses(model.factors, model.centers, model.offsets), writer);
    else
        for_each_panel(X, shift, WhitenedLosses(model.factors, model.centers, model.offsets),
                       writer);
}

template <class T>
void whitened_posterior(Matrix<const T> X, const double* shift, Gaussians model, Posterior out) {
    for_each_whitened(X, shift, model, PosteriorWriter(out));
}

template <class T>
void whitened_top(Matrix<const T> X, const double* shift, Gaussians model, Matrix<Label> index,
                  double* loss) {
    for_each_whitened(X, shift, model, TopWriter(index, loss, model.centers.rows));
}

}  // namespace cofactor::COFACTOR_ISA
