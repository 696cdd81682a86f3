// Where a cluster could lie: the functions f(y) = sum_j w_j max(h_j - |x_j - y|^2, 0).
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

COFACTOR_INLINE double squared_distance_to(const double* x, const double* y, size_t d) {
    double sum = 0;
    for (size_t i = 0; i < d; ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sum;
}

// Replace y by the weighted mean of the points nearer than their heights; return f of the old y.
inline double climb_once(LocationPoints points, double* y, double* sums) {
    const size_t d = points.values.columns;
    double value = 0, mass = 0;
    for (size_t i = 0; i < d; ++i) sums[i] = 0;
    for (size_t j = 0; j < points.values.rows; ++j) {
        const double* const x = points.values.data + j * d;
        const double rise = points.heights[j] - squared_distance_to(x, y, d);
        if (!(rise > 0)) continue;
        const double weight = points.weights[j];
        value += weight * rise;
        mass += weight;
        for (size_t i = 0; i < d; ++i) sums[i] += weight * x[i];
    }
    if (mass > 0)
        for (size_t i = 0; i < d; ++i) y[i] = sums[i] / mass;
    return value;
}

inline void location_ascend(LocationPoints points, size_t steps, Matrix<double> places,
                            double* values) {
    const size_t d = places.columns;
    Scratch<double> sums(d), before(d);
    for (size_t m = 0; m < places.rows; ++m) {
        double* const y = places.data + m * d;
        double best = 0;
        for (size_t step = 0; step <= steps; ++step) {
            for (size_t i = 0; i < d; ++i) before[i] = y[i];
            const double value = climb_once(points, y, sums);
            if (step && !(value > best * (1 + 1e-14))) {
                best = larger(best, value);
                break;
            }
            best = value;
        }
        for (size_t i = 0; i < d; ++i) y[i] = before[i];
        values[m] = best;
    }
}

// What a box of places makes of one point: the least and the most of its distance.
struct Reach {
    double nearest, farthest, norm;
};

COFACTOR_INLINE Reach reach_of(const double* x, const double* low, const double* high, size_t d) {
    Reach reach = {0, 0, 0};
    for (size_t i = 0; i < d; ++i) {
        const double under = low[i] - x[i], over = x[i] - high[i];
        const double outside = larger(larger(under, over), 0.0);
        const double far = larger(-under, -over);  // of the two sides
        const double beyond = larger(far, outside);
        reach.nearest += outside * outside;
        reach.farthest += beyond * beyond;
        reach.norm += x[i] * x[i];
    }
    return reach;
}

// The quadratic constant + 2 <linear, y> - mass |y|^2 that adds up points' parts.
struct Quadratic {
    double* linear;  // d, then mass and constant

    COFACTOR_INLINE void add(double share, const double* x, double constant, size_t d) {
        for (size_t i = 0; i < d; ++i) linear[i] += share * x[i];
        linear[d] += share;
        linear[d + 1] += share * constant;
    }
};

// Return the most of a quadratic in a box, and where that is.
COFACTOR_INLINE double most_of(const double* quadratic, const double* low, const double* high,
                               double* peak, size_t d) {
    const double mass = quadratic[d];
    double value = quadratic[d + 1];
    for (size_t i = 0; i < d; ++i) {
        const double free = mass > 0 ? quadratic[i] / mass : low[i];
        const double y = smaller(larger(free, low[i]), high[i]);
        peak[i] = y;
        value += y * (2 * quadratic[i] - mass * y);
    }
    return value;
}

// Points that may or may not be within their heights are kept, and bounded by the chord of
// max(z, 0) between the least and the most of z = h - |x - y|^2; the sum is a concave quadratic.
inline void location_bounds(LocationPoints points, LocationBoxes boxes, LocationFinds finds) {
    const size_t d = points.values.columns;
    Scratch<double> total(d + 2), slack(d);
    std::int64_t kept = 0;
    for (size_t b = 0; b < boxes.low.rows; ++b) {
        const double* const low = boxes.low.data + b * d;
        const double* const high = boxes.high.data + b * d;
        Quadratic sure = {finds.inside.data + b * (d + 2)}, all = {total};
        for (size_t i = 0; i < d + 2; ++i) total[i] = sure.linear[i];
        for (size_t i = 0; i < d; ++i) slack[i] = 0;
        const Label parent = boxes.parents[b];
        finds.starts[b] = kept;
        for (std::int64_t at = boxes.starts[parent]; at < boxes.starts[parent + 1]; ++at) {
            const Label j = boxes.candidates[at];
            const double* const x = points.values.data + static_cast<size_t>(j) * d;
            const double height = points.heights[j], weight = points.weights[j];
            const Reach reach = reach_of(x, low, high, d);
            const double most = height - reach.nearest, least = height - reach.farthest;
            if (!(most > 0)) continue;
            if (least >= 0) {
                sure.add(weight, x, height - reach.norm, d);
                all.add(weight, x, height - reach.norm, d);
                continue;
            }
            finds.candidates[kept++] = j;
            const double share = weight * (most / (most - least));
            all.add(share, x, height - reach.norm - least, d);
            const double lost = -share * least / (most - least);
            for (size_t i = 0; i < d; ++i) {
                const double under = low[i] - x[i], over = x[i] - high[i];
                const double outside = larger(larger(under, over), 0.0);
                const double beyond = larger(larger(-under, -over), outside);
                slack[i] += lost * (beyond * beyond - outside * outside);
            }
        }
        size_t axis = 0;
        for (size_t i = 1; i < d; ++i)
            if (slack[i] > slack[axis]) axis = i;
        finds.axes[b] = static_cast<Label>(axis);
        finds.bounds[b] = most_of(total, low, high, finds.peaks.data + b * d, d);
    }
    finds.starts[boxes.low.rows] = kept;
}

// Move heights, in the metric of the weights, to where no cut is above its limit: cyclic dual
// ascent [Hildreth 1957]. A cut's function is sum_S w h - share * sum_all w h. The part that all
// cuts have in common is held apart, as `lift`.
inline double location_project(const double* weights, LocationCuts cuts, double* heights,
                               size_t n, size_t sweeps, double tolerance) {
    double mass = 0, sum = 0, lift = 0, worst = 0;
    for (size_t j = 0; j < n; ++j) {
        mass += weights[j];
        sum += weights[j] * heights[j];
    }
    for (size_t sweep = 0; sweep < sweeps; ++sweep) {
        const bool whole = sweep % 8 == 0;
        if (whole) worst = 0;
        for (size_t c = 0; c < cuts.count; ++c) {
            double& multiplier = cuts.multipliers[c];
            if (!whole && multiplier == 0) continue;
            double own = 0;
            for (std::int64_t at = cuts.starts[c]; at < cuts.starts[c + 1]; ++at)
                own += weights[cuts.members[at]] * heights[cuts.members[at]];
            const double own_mass = cuts.masses[c];
            const double over =
                own + own_mass * lift - cuts.share * (sum + mass * lift) - cuts.limits[c];
            const double curvature = own_mass * (1 - 2 * cuts.share) + cuts.share * cuts.share * mass;
            const double step = larger(over / curvature, -multiplier);
            if (whole) worst = larger(worst, larger(over, multiplier > 0 ? -over : 0.0));
            if (step == 0) continue;
            multiplier += step;
            for (std::int64_t at = cuts.starts[c]; at < cuts.starts[c + 1]; ++at)
                heights[cuts.members[at]] -= step;
            sum -= step * own_mass;
            lift += step * cuts.share;
        }
        if (whole && worst < tolerance) break;
    }
    for (size_t j = 0; j < n; ++j) heights[j] += lift;
    return worst;
}

}  // namespace cofactor::COFACTOR_ISA
