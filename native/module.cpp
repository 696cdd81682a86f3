// The Python module: one submodule of kernels for every instruction set that this machine has.
//
// A binding checks that shapes agree, releases the interpreter and calls the kernel. Types and
// contiguity are checked by nanobind; nothing is converted or copied.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <initializer_list>
#include <string>

#include "kernels.hpp"

namespace nb = nanobind;

namespace cofactor {

template <class T>
using Array1 = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Array2 = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class T>
Matrix<T> matrix(const Array2<T>& array) {
    return {array.data(), array.shape(0), array.shape(1)};
}

std::string shape_text(const size_t* shape, size_t size) {
    std::string text = "(";
    for (size_t i = 0; i < size; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + (size == 1 ? ",)" : ")");
}

// Refuse an array of any other shape.
template <class Array>
void expect(const char* name, const Array& array, std::initializer_list<size_t> shape) {
    size_t got[2] = {};
    bool same = true;
    for (size_t i = 0; i < shape.size(); ++i) {
        got[i] = array.shape(i);
        same &= got[i] == shape.begin()[i];
    }
    if (same) return;
    const std::string message = std::string(name) + " has shape " +
                                shape_text(got, shape.size()) + ", expected " +
                                shape_text(shape.begin(), shape.size());
    throw nb::value_error(message.c_str());
}

template <class T, class I>
Csr<T, I> csr(const Array1<const I>& indptr, const Array1<const I>& indices, const T* data) {
    const size_t pointers = indptr.shape(0);
    if (pointers == 0) throw nb::value_error("indptr is empty, expected one more entry than rows");
    const I* const pointer = indptr.data();
    if (pointer[0] != 0) throw nb::value_error("indptr does not start at 0");
    expect("indices", indices, {static_cast<size_t>(pointer[pointers - 1])});
    return {pointer, indices.data(), data, pointers - 1};
}

template <class T, class I>
Csr<T, I> csr(const Array1<const I>& indptr, const Array1<const I>& indices,
              const Array1<const T>& data) {
    expect("data", data, {indices.shape(0)});
    return csr(indptr, indices, data.data());
}

Membership membership(size_t rows, const Array2<const Label>& index,
                      const Array2<const double>& weight) {
    expect("index", index, {rows, index.shape(1)});
    expect("weight", weight, {rows, index.shape(1)});
    return {matrix(index), weight.data()};
}

// The places that the smallest losses of every row are written to.
Matrix<Label> places(size_t rows, size_t k, const Array2<Label>& index,
                     const Array2<double>& loss) {
    const size_t keep = index.shape(1);
    if (keep < 1 || keep > k) {
        const std::string message = "index has " + std::to_string(keep) +
                                    " columns, expected at least 1 and at most the " +
                                    std::to_string(k) + " components";
        throw nb::value_error(message.c_str());
    }
    expect("index", index, {rows, keep});
    expect("loss", loss, {rows, keep});
    return matrix(index);
}

auto named(const char* name) { return nb::arg(name).noconvert(); }

using Unlocked = nb::call_guard<nb::gil_scoped_release>;

template <class T>
void bind_top_losses(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "top_losses",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array2<const T>& components, const Array1<const T>& offsets,
                   const Array2<Label>& index, const Array2<double>& loss) {
            const size_t k = components.shape(0);
            expect("shift", shift, {X.shape(1)});
            expect("components", components, {k, X.shape(1)});
            expect("offsets", offsets, {k});
            kernels.top_losses(matrix(X), shift.data(), matrix(components), offsets.data(),
                               places(X.shape(0), k, index, loss), loss.data());
        },
        named("X"), named("shift"), named("components"), named("offsets"), named("index"),
        named("loss"), Unlocked());
}

template <class T>
void bind_statistics(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "weighted_sums",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array1<double>& counts, const Array2<double>& sums) {
            expect("shift", shift, {X.shape(1)});
            expect("sums", sums, {counts.shape(0), X.shape(1)});
            kernels.weighted_sums(matrix(X), shift.data(), membership(X.shape(0), index, weight),
                                  counts.data(), sums.data());
        },
        named("X"), named("shift"), named("index"), named("weight"), named("counts"),
        named("sums"), Unlocked());
    module.def(
        "weighted_squares",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array2<double>& squares) {
            expect("shift", shift, {X.shape(1)});
            expect("squares", squares, {squares.shape(0), X.shape(1)});
            kernels.weighted_squares(matrix(X), shift.data(),
                                     membership(X.shape(0), index, weight), squares.data());
        },
        named("X"), named("shift"), named("index"), named("weight"), named("squares"),
        Unlocked());
}

template <class T>
void bind_norms(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "squared_norms",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array1<double>& out) {
            expect("shift", shift, {X.shape(1)});
            expect("out", out, {X.shape(0)});
            kernels.squared_norms(matrix(X), shift.data(), out.data());
        },
        named("X"), named("shift"), named("out"), Unlocked());
    module.def(
        "squared_distances",
        [&kernels](const Array2<const T>& X, const Array2<const double>& centers,
                   const Array1<const Label>& index, const Array1<double>& out) {
            expect("centers", centers, {centers.shape(0), X.shape(1)});
            expect("index", index, {X.shape(0)});
            expect("out", out, {X.shape(0)});
            kernels.squared_distances(matrix(X), centers.data(), index.data(), out.data());
        },
        named("X"), named("centers"), named("index"), named("out"), Unlocked());
}

template <class T>
SeedingRows<T> seeding_rows(const Array2<const T>& X, const Array2<const double>& weights,
                            const Array2<double>& closest, const Array2<std::int32_t>& limits) {
    const size_t panels = (X.shape(0) + 63) / 64;
    expect("weights", weights, {panels, 64});
    expect("closest", closest, {panels, 64});
    expect("limits", limits, {panels, 64});
    return {matrix(X), weights.data(), closest.data(), limits.data()};
}

template <class T>
void bind_seeding(nb::module_& module, const DenseKernels<T>& kernels) {
    using Words = const Array2<std::uint64_t>&;
    module.def(
        "seeding_gains",
        [&kernels](const Array2<const T>& X, const Array2<const double>& weights,
                   const Array2<double>& closest, const Array2<std::int32_t>& limits,
                   const Array2<const std::int32_t>& heads, const Array2<const T>& candidates,
                   const Array2<const std::int32_t>& candidate_heads,
                   const Array1<const std::int32_t>& offsets, size_t chunk, Words hits, const Array2<double>& gains) {
            const SeedingRows<T> rows = seeding_rows(X, weights, closest, limits);
            const size_t panels = weights.shape(0), trials = offsets.shape(0);
            expect("heads", heads, {panels, 64 * candidate_heads.shape(1)});
            expect("candidates", candidates, {trials, X.shape(1)});
            expect("candidate_heads", candidate_heads, {trials, candidate_heads.shape(1)});
            expect("hits", hits, {panels, trials});
            if (chunk == 0 || trials == 0)
                throw nb::value_error("expected a chunk and candidates, got none");
            expect("gains", gains, {(panels + chunk - 1) / chunk, trials});
            kernels.seeding_gains(rows, matrix(heads),
                                  {matrix(candidates), candidate_heads.data(), offsets.data()},
                                  chunk, hits.data(), gains.data());
        },
        named("X"), named("weights"), named("closest"), named("limits"), named("heads"),
        named("candidates"), named("candidate_heads"), named("offsets"), nb::arg("chunk"),
        named("hits"), named("gains"), Unlocked());
    module.def(
        "seeding_take",
        [&kernels](const Array2<const T>& X, const Array2<const double>& weights,
                   const Array2<double>& closest, const Array2<std::int32_t>& limits,
                   const Array1<const T>& center, const Array2<const std::uint64_t>& hits,
                   size_t winner, const Array2<const std::int32_t>& half_norms, double reach,
                   double slack, const Array1<double>& potentials) {
            const SeedingRows<T> rows = seeding_rows(X, weights, closest, limits);
            const size_t panels = weights.shape(0);
            expect("center", center, {X.shape(1)});
            expect("hits", hits, {panels, hits.shape(1)});
            expect("half_norms", half_norms, {panels, 64});
            expect("potentials", potentials, {panels});
            if (winner >= hits.shape(1)) throw nb::value_error("there is no such winner");
            kernels.seeding_take(rows, center.data(), matrix(hits), winner,
                                 {half_norms.data(), reach, slack}, potentials.data());
        },
        named("X"), named("weights"), named("closest"), named("limits"), named("center"),
        named("hits"), nb::arg("winner"), named("half_norms"), nb::arg("reach"),
        nb::arg("slack"), named("potentials"), Unlocked());
}

template <class T>
void bind_bounded_nearest(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "bounded_nearest",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array1<const T>& norms, const Array2<const T>& components,
                   const Array2<const T>& tiles, const Array1<const T>& offsets, const Array2<const Label>& members,
                   const Array1<const Label>& places, const Array1<const T>& drift,
                   const Array1<const T>& group_drift, double reach, const Array1<Label>& label,
                   const Array1<T>& upper, const Array2<T>& lower, const Array1<Label>& moved) {
            const size_t n = X.shape(0), groups = members.shape(0);
            const size_t k = components.shape(0), slots = groups * members.shape(1);
            if (members.shape(1) % 6)
                throw nb::value_error("groups have no multiple of 6 members");
            expect("shift", shift, {X.shape(1)});
            expect("norms", norms, {n});
            expect("components", components, {k, X.shape(1)});
            expect("tiles", tiles, {slots / 6 * X.shape(1), 6});
            expect("offsets", offsets, {slots});
            expect("places", places, {k});
            expect("drift", drift, {k});
            expect("group_drift", group_drift, {groups});
            expect("label", label, {n});
            expect("upper", upper, {n});
            expect("lower", lower, {groups, n});
            expect("moved", moved, {n});
            return kernels.bounded_nearest(
                matrix(X), shift.data(), norms.data(),
                {matrix(components), tiles.data(), offsets.data(), matrix(members), places.data(),
                 drift.data(), group_drift.data(), static_cast<T>(reach)},
                {label.data(), upper.data(), lower.data()}, moved.data());
        },
        named("X"), named("shift"), named("norms"), named("components"), named("tiles"),
        named("offsets"), named("members"), named("places"), named("drift"),
        named("group_drift"), nb::arg("reach"), named("label"), named("upper"), named("lower"), named("moved"), Unlocked());
}

template <class T, class I>
void bind_top_losses_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    module.def(
        "top_losses_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const T>& components_t, Values offsets,
                   const Array2<Label>& index, const Array2<double>& loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const size_t k = components_t.shape(1);
            expect("offsets", offsets, {k});
            kernels.top_losses(X, matrix(components_t), offsets.data(),
                               places(X.rows, k, index, loss), loss.data());
        },
        named("indptr"), named("indices"), named("data"), named("components_t"),
        named("offsets"), named("index"), named("loss"), Unlocked());
}

template <class T, class I>
void bind_statistics_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    module.def(
        "weighted_sums_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array1<double>& counts, const Array2<double>& sums) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect("sums", sums, {counts.shape(0), sums.shape(1)});
            kernels.weighted_sums(X, membership(X.rows, index, weight), counts.data(),
                                  matrix(sums));
        },
        named("indptr"), named("indices"), named("data"), named("index"), named("weight"),
        named("counts"), named("sums"), Unlocked());
    module.def(
        "weighted_squares_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array2<double>& squares) {
            const Csr<T, I> X = csr(indptr, indices, data);
            kernels.weighted_squares(X, membership(X.rows, index, weight), matrix(squares));
        },
        named("indptr"), named("indices"), named("data"), named("index"), named("weight"),
        named("squares"), Unlocked());
}

template <class T, class I>
void bind_products_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    module.def(
        "squared_norms_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data, const Array1<double>& out) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect("out", out, {X.rows});
            kernels.squared_norms(X, out.data());
        },
        named("indptr"), named("indices"), named("data"), named("out"), Unlocked());
    module.def(
        "sampled_products",
        [&kernels](Pointers indptr, Pointers indices, const Array2<const T>& codes,
                   const Array2<const T>& components_t, const Array1<double>& out) {
            const Csr<T, I> positions = csr<T, I>(indptr, indices, nullptr);
            expect("codes", codes, {positions.rows, components_t.shape(1)});
            expect("out", out, {indices.shape(0)});
            kernels.sampled_products(positions, codes.data(), matrix(components_t), out.data());
        },
        named("indptr"), named("indices"), named("codes"), named("components_t"), named("out"),
        Unlocked());
}

template <class T, class I>
void bind_poisson(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    using Components = const Array2<const T>&;
    using Totals = const Array1<const double>&;
    using Codes = const Array2<T>&;
    using Loss = const Array1<double>&;
    const auto expect_shapes = [](size_t rows, Components components_t, Totals totals,
                                  Codes codes, Loss loss) {
        expect("totals", totals, {components_t.shape(1)});
        expect("codes", codes, {rows, components_t.shape(1)});
        expect("loss", loss, {rows});
    };
    module.def(
        "poisson_codes_csr",
        [&kernels, expect_shapes](Pointers indptr, Pointers indices, Values data,
                                  Components components_t, Totals totals, Codes codes,
                                  size_t sweeps, double l1, double l2, double floor, Loss loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect_shapes(X.rows, components_t, totals, codes, loss);
            kernels.poisson_codes(X, {matrix(components_t), totals.data(), l1, l2, floor},
                                  codes.data(), sweeps, loss.data());
        },
        named("indptr"), named("indices"), named("data"), named("components_t"),
        named("totals"), named("codes"), nb::arg("sweeps"), nb::arg("l1"), nb::arg("l2"),
        nb::arg("floor"), named("loss"), Unlocked());
    module.def(
        "poisson_multiplicative_csr",
        [&kernels, expect_shapes](Pointers indptr, Pointers indices, Values data,
                                  Components components_t, Totals totals, Codes codes, double l1,
                                  double l2, double floor, Loss loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect_shapes(X.rows, components_t, totals, codes, loss);
            kernels.poisson_multiplicative(
                X, {matrix(components_t), totals.data(), l1, l2, floor}, codes.data(),
                loss.data());
        },
        named("indptr"), named("indices"), named("data"), named("components_t"),
        named("totals"), named("codes"), nb::arg("l1"), nb::arg("l2"), nb::arg("floor"),
        named("loss"), Unlocked());
}

void bind_soft_assign(nb::module_& module, const Kernels& kernels) {
    module.def(
        "soft_assign",
        [&kernels](const Array2<double>& loss, const Array1<double>& log_norm) {
            if (loss.shape(1) == 0) throw nb::value_error("loss has no columns");
            expect("log_norm", log_norm, {loss.shape(0)});
            kernels.soft_assign(matrix(loss), log_norm.data());
        },
        named("loss"), named("log_norm"), Unlocked());
}

template <class T>
void bind_dense(nb::module_& module, const DenseKernels<T>& kernels) {
    bind_top_losses(module, kernels);
    bind_statistics(module, kernels);
    bind_norms(module, kernels);
    bind_seeding(module, kernels);
    bind_bounded_nearest(module, kernels);
}

template <class T, class I>
void bind_sparse(nb::module_& module, const SparseKernels<T, I>& kernels) {
    bind_top_losses_csr(module, kernels);
    bind_statistics_csr(module, kernels);
    bind_products_csr(module, kernels);
    bind_poisson(module, kernels);
}

void bind(nb::module_& parent, nb::list& names, const char* name, const Kernels& kernels) {
    nb::module_ module = parent.def_submodule(name);
    bind_dense(module, kernels.dense_f32);
    bind_dense(module, kernels.dense_f64);
    bind_sparse(module, kernels.sparse_f32_i32);
    bind_sparse(module, kernels.sparse_f32_i64);
    bind_sparse(module, kernels.sparse_f64_i32);
    bind_sparse(module, kernels.sparse_f64_i64);
    bind_soft_assign(module, kernels);
    names.append(name);
}

}  // namespace cofactor

NB_MODULE(_native, module) {
    nb::list names;
#define COFACTOR_BIND(isa)          \
    if (cofactor::isa::runs_here()) \
        cofactor::bind(module, names, #isa, cofactor::isa::kernels);
    COFACTOR_FOR_EACH_ISA(COFACTOR_BIND)
    module.attr("supported") = nb::tuple(names);
}
