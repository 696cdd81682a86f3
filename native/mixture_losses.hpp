// Losses of a panel of rows under components: affine in the row, or squared distances.
//
// Distances are summed as squares of differences: nothing cancels, however narrow a component.
#pragma once

#include "panel.hpp"

namespace cofactor::COFACTOR_ISA {

COFACTOR_INLINE size_t groups_of(size_t n, size_t size = outputs) { return (n + size - 1) / size; }

// Losses offsets[c] - <x, slopes[c]>.
class AffineLosses {
public:
    explicit AffineLosses(AffineModel model)
        : components(model.slopes.rows),
          features(model.slopes.columns),
          slopes_(groups_of(components) * outputs * features),
          offsets_(groups_of(components) * outputs) {
        for (size_t c = 0; c < groups_of(components) * outputs; ++c) {
            double* const to = slopes_ + c / outputs * outputs * features + c % outputs;
            const bool real = c < components;
            for (size_t l = 0; l < features; ++l)
                to[l * outputs] = real ? -model.slopes.data[c * features + l] : 0.0;
            offsets_[c] = real ? model.offsets[c] : 0.0;
        }
    }

    // loss[c * sheet_rows + i] of every row of a panel
    void fill(const double* panel, double* loss) const {
        for (size_t c = 0; c < components; c += outputs) {
            Sheet sheet;
            set_rows(sheet, offsets_ + c);
            add_products(panel, slopes_ + c * features, features, sheet);
            store_sheet<outputs>(sheet, loss + c * sheet_rows, smaller(outputs, components - c),
                                 [](size_t, Vec<double> own) { return own; });
        }
    }

    const size_t components, features;

private:
    Scratch<double> slopes_, offsets_;
};

// Losses offsets[c] + |(x - centers[c]) scale_c|^2 / 2, a scale for each component, or 1.
class DistanceLosses {
public:
    DistanceLosses(Matrix<const double> centers, const double* scales, const double* offsets)
        : components(centers.rows),
          features(centers.columns),
          centers_(groups_of(components, distance_outputs) * distance_outputs * features),
          halves_(components),
          offsets_(offsets) {
        __builtin_memset(centers_, 0,
                         groups_of(components, distance_outputs) * distance_outputs * features *
                             sizeof(double));
        for (size_t c = 0; c < components; ++c) {
            halves_[c] = scales ? 0.5 * scales[c] * scales[c] : 0.5;
            const size_t first = c / distance_outputs * distance_outputs;
            for (size_t l = 0; l < features; ++l)
                centers_[first * features + l * distance_outputs + c - first] =
                    centers.data[c * features + l];
        }
    }

    void fill(const double* panel, double* loss) const {
        for (size_t c = 0; c < components; c += distance_outputs) {
            SheetOf<distance_outputs> sheet;
            const double* const centers = centers_ + c * features;
            sum_squares_of<distance_outputs>(panel, features, sheet, [=](size_t l, size_t r) {
                const Vec<double> center = splat(centers[l * distance_outputs + r]);
                return [center](Vec<double> x) { return x - center; };
            });
            store_sheet<distance_outputs>(
                sheet, loss + c * sheet_rows, smaller(distance_outputs, components - c),
                [=](size_t r, Vec<double> square) {
                    return square * halves_[c + r] + offsets_[c + r];
                });
        }
    }

    const size_t components, features;

private:
    Scratch<double> centers_, halves_;
    const double* const offsets_;
};

// Losses offsets[c] + |(x - centers[c]) * scales[c]|^2 / 2, a scale for each column.
//
// A center is scaled beforehand, which rounds it once: by no more than it was when it was stored.
class ScaledLosses {
public:
    explicit ScaledLosses(ScaledModel model)
        : components(model.centers.rows),
          features(model.centers.columns),
          scales_(groups_of(components, distance_outputs) * 2 * distance_outputs * features),
          offsets_(model.offsets) {
        __builtin_memset(scales_, 0,
                         groups_of(components, distance_outputs) * 2 * distance_outputs *
                             features * sizeof(double));
        for (size_t c = 0; c < components; ++c)
            for (size_t l = 0; l < features; ++l) {
                const size_t first = c / distance_outputs * distance_outputs;
                double* const to =
                    scales_ + 2 * (first * features + l * distance_outputs) + c - first;
                to[0] = model.scales.data[c * features + l];
                to[distance_outputs] = model.centers.data[c * features + l] * to[0];
            }
    }

    void fill(const double* panel, double* loss) const {
        for (size_t c = 0; c < components; c += distance_outputs) {
            SheetOf<distance_outputs> sheet;
            const double* const scales = scales_ + 2 * c * features;
            sum_squares_of<distance_outputs>(panel, features, sheet, [=](size_t l, size_t r) {
                const double* const at = scales + 2 * l * distance_outputs + r;
                const Vec<double> scale = splat(at[0]), center = splat(at[distance_outputs]);
                return [scale, center](Vec<double> x) { return x * scale - center; };
            });
            store_sheet<distance_outputs>(
                sheet, loss + c * sheet_rows, smaller(distance_outputs, components - c),
                [=](size_t r, Vec<double> square) { return square * 0.5 + offsets_[c + r]; });
        }
    }

    const size_t components, features;

private:
    Scratch<double> scales_;
    const double* const offsets_;
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
            set_rows(sheet, center + j, -1.0);
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
    explicit WhitenedLosses(WhitenedModel model)
        : components(model.centers.rows),
          features(model.centers.columns),
          width_(groups_of(features) * outputs),
          factors_(model.factors, components, features),
          centers_(components * width_),
          offsets_(model.offsets) {
        for (size_t c = 0; c < components; ++c)
            for (size_t j = 0; j < width_; ++j)
                centers_[c * width_ + j] =
                    j < features ? model.centers.data[c * features + j] : 0.0;
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

// Losses offsets[c] + |x P - centers[c]|^2 / 2, one factor for all: distances of whitened rows.
class TiedLosses {
public:
    explicit TiedLosses(WhitenedModel model)
        : components(model.centers.rows),
          features(model.centers.columns),
          factor_(model.factors, 1, features),
          distances_(model.centers, nullptr, model.offsets),
          zeros_(groups_of(features) * outputs),
          whitened_(groups_of(features) * outputs * sheet_rows) {
        __builtin_memset(zeros_, 0, groups_of(features) * outputs * sizeof(double));
    }

    void fill(const double* panel, double* loss) const {
        factor_.for_each_sheet(panel, 0, zeros_, [this](size_t j, const Sheet& sheet) {
            store_sheet<outputs>(sheet, whitened_ + j * sheet_rows, outputs,
                                 [](size_t, Vec<double> own) { return own; });
        });
        distances_.fill(whitened_, loss);
    }

    const size_t components, features;

private:
    const PackedFactors factor_;
    const DistanceLosses distances_;
    Scratch<double> zeros_, whitened_;
};

// Call function(losses) with the losses that a model means.
template <class Function>
void with_losses(AffineModel model, Function function) {
    function(AffineLosses(model));
}

template <class Function>
void with_losses(ScaledModel model, Function function) {
    if (model.scales.columns < model.centers.columns)
        function(DistanceLosses(model.centers, model.scales.data, model.offsets));
    else
        function(ScaledLosses(model));
}

template <class Function>
void with_losses(WhitenedModel model, Function function) {
    if (model.n_factors == 1)
        function(TiedLosses(model));
    else
        function(WhitenedLosses(model));
}

}  // namespace cofactor::COFACTOR_ISA
