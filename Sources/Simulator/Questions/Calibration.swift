public import HWModels

/// Fits constants of a device to measurements: Levenberg-Marquardt on the logarithms of the constants.
///
/// - Models: each measurement gives one residual, `log(predicted / measured)` times its weight. A constant that the
///   data does not identify keeps its value, and the others are fitted again without it.
/// - Leaves out: bounds other than positivity, which the logarithm gives.
/// - Source: Marquardt 1963, "An Algorithm for Least-Squares Estimation of Nonlinear Parameters".
public struct Calibration: Sendable {
  /// Paths of the constants, e.g. `power.tensorFlop`.
  public var paths: [String]
  /// Residuals of a device, one per measurement, always in the same order. Must not depend on anything else.
  public var residuals: @Sendable (Device) -> [Double]

  public init(paths: [String], residuals: @escaping @Sendable (Device) -> [Double]) {
    self.paths = paths
    self.residuals = residuals
  }

  /// What a fit came to.
  public struct Outcome: Sendable {
    public var device: Device
    /// Root mean square residual before and after.
    public var before: Double
    public var after: Double
    public var constants: [Constant]
    /// Correlation of each pair of constants, by index, from the last normal equations that had both.
    public var correlations: [[Double]]
    /// Of all fits together.
    public var iterations: Int

    /// The outcome with each identified constant changed, as by rounding, and the error that `residuals` then have.
    public func replacingConstants(
      _ change: (Double) -> Double, residuals: (Device) -> [Double]
    ) -> Outcome {
      var outcome = self
      for index in constants.indices where constants[index].isIdentified {
        let value = change(constants[index].after)
        outcome.constants[index].after = value
        DeviceField.at(constants[index].path)?.set(value, on: &outcome.device)
      }
      outcome.after = rms(residuals(outcome.device))
      return outcome
    }
  }

  /// A fitted number before and after.
  public struct Constant: Sendable {
    public var path: String
    public var before: Double
    public var after: Double
    /// Standard error of the logarithm in the last fit that had it; large where the data says nothing about it.
    public var relativeError: Double
    /// Where false, `after` is `before`.
    public var isIdentified: Bool
  }

  /// Relative step of the numerical derivatives: large against rounding to ticks, small against curvature.
  private static let step = 0.02
  /// A constant whose standard error exceeds this share of its value is not identified by the data.
  private static let identifiedBelow = 0.5

  /// Fits until every constant that was moved is identified: errors and device are those of the constants returned.
  ///
  /// - Complexity: O(iterations x constants) evaluations of `residuals` a fit, and at most a fit for each constant.
  public func fit(_ start: Device, iterations limit: Int = 12) -> Outcome {
    let all = paths.filter { DeviceField.at($0) != nil }
    var moved = all
    var constants: [String: Constant] = [:]
    var correlations: [Set<String>: Double] = [:]
    var iterations = 0
    while true {
      let outcome = Calibration(paths: moved, residuals: residuals).fitJointly(start, iterations: limit)
      iterations += outcome.iterations
      for (a, constant) in outcome.constants.enumerated() {
        constants[constant.path] = constant
        if !constant.isIdentified { constants[constant.path]?.after = constant.before }
        for b in outcome.constants.indices {
          correlations[[constant.path, outcome.constants[b].path]] = outcome.correlations[a][b]
        }
      }
      // The constants with the largest error are left out, ties together; the others may be identified without them.
      let worst = outcome.constants.filter { !$0.isIdentified }.map(\.relativeError).max()
      guard let worst else {
        return Outcome(
          device: outcome.device, before: outcome.before, after: outcome.after,
          constants: all.compactMap { constants[$0] },
          correlations: all.map { a in all.map { correlations[[a, $0]] ?? 0 } }, iterations: iterations)
      }
      moved = outcome.constants.filter { $0.isIdentified || $0.relativeError < worst / 2 }.map(\.path)
    }
  }

  private func fitJointly(_ start: Device, iterations limit: Int) -> Outcome {
    let fields = paths.compactMap { DeviceField.at($0) }
    var device = start
    var current = residuals(device)
    let before = rms(current)
    var damping = 1e-2
    var normal = [[Double]](repeating: [Double](repeating: 0, count: fields.count), count: fields.count)
    var iterations = 0
    while iterations < limit, !fields.isEmpty {
      iterations += 1
      let jacobian = fields.map { field -> [Double] in
        guard let value = field.value(on: device), value > 0 else { return [] }
        var moved = device
        field.set(value * RealMath.exp(Self.step), on: &moved)
        return zip(residuals(moved), current).map { ($0 - $1) / Self.step }
      }
      normal = jacobian.map { a in jacobian.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } } }
      let gradient = jacobian.map { a in zip(a, current).reduce(0) { $0 + $1.0 * $1.1 } }
      var improved = false
      for _ in 0..<6 {
        guard let move = solve(normal, gradient, damping: damping) else { break }
        var trial = device
        for (index, field) in fields.enumerated() {
          guard let value = field.value(on: trial) else { continue }
          field.set(value * RealMath.exp(-min(max(move[index], -0.5), 0.5)), on: &trial)
        }
        let residual = residuals(trial)
        if trial.problems().isEmpty, rms(residual) < rms(current) {
          improved = rms(residual) < rms(current) * (1 - 1e-4)
          device = trial
          current = residual
          damping = max(damping / 4, 1e-6)
          break
        }
        damping *= 4
      }
      if !improved { break }
    }
    let covariance = inverse(normal)
    let variance = rms(current) * rms(current)
    let constants = fields.enumerated().map { index, field in
      // Rounding of a singular matrix can leave anything, a negative variance included.
      let ofConstant = covariance?[index][index] ?? 0
      let isSeen = normal[index][index] > 0 && ofConstant > 0
      let error = isSeen ? RealMath.power(ofConstant * variance, 0.5) : .infinity
      return Constant(
        path: field.path, before: field.value(on: start) ?? 0, after: field.value(on: device) ?? 0,
        relativeError: error, isIdentified: error < Self.identifiedBelow)
    }
    let correlations = fields.indices.map { a in
      fields.indices.map { b -> Double in
        guard let covariance, covariance[a][a] > 0, covariance[b][b] > 0 else { return 0 }
        return covariance[a][b] / RealMath.power(covariance[a][a] * covariance[b][b], 0.5)
      }
    }
    return Outcome(
      device: device, before: before, after: rms(current), constants: constants, correlations: correlations,
      iterations: iterations)
  }

  /// Solves (N + damping diag N) x = g by Gaussian elimination with pivoting; nil where singular.
  private func solve(_ normal: [[Double]], _ gradient: [Double], damping: Double) -> [Double]? {
    let n = gradient.count
    var rows = normal.indices.map { row in normal[row] + [gradient[row]] }
    for index in 0..<n { rows[index][index] += damping * normal[index][index] + 1e-12 }
    for column in 0..<n {
      guard let pivot = (column..<n).max(by: { abs(rows[$0][column]) < abs(rows[$1][column]) }),
        abs(rows[pivot][column]) > 1e-300
      else { return nil }
      rows.swapAt(column, pivot)
      for row in 0..<n where row != column {
        let factor = rows[row][column] / rows[column][column]
        guard factor != 0 else { continue }
        for k in column...n { rows[row][k] -= factor * rows[column][k] }
      }
    }
    return (0..<n).map { rows[$0][n] / rows[$0][$0] }
  }

  private func inverse(_ matrix: [[Double]]) -> [[Double]]? {
    let n = matrix.count
    var columns: [[Double]] = []
    for index in 0..<n {
      var unit = [Double](repeating: 0, count: n)
      unit[index] = 1
      guard let column = solve(matrix, unit, damping: 0) else { return nil }
      columns.append(column)
    }
    return (0..<n).map { row in (0..<n).map { columns[$0][row] } }
  }
}

private func rms(_ values: [Double]) -> Double {
  RealMath.power(values.reduce(0) { $0 + $1 * $1 } / Double(max(values.count, 1)), 0.5)
}
