import HWModels
import Programs
import Results
import Schedules

/// Slopes through whole numbers: sides of arrays, lanes, places for nodes, depths of FIFOs.
///
/// They are halved and doubled: a tenth more of them is no whole number, or rounds to as many passes as before.
extension Simulation {
  /// Whole numbers of the device, on machines whose programs are built for them. A GPU's kernels are compiled for a family
  /// of chips, and have none.
  static func wholeElasticities(
    _ request: SimulationRequest, time: Double
  ) -> [@Sendable () -> Elasticity?] {
    guard request.device.kind != .gpu else { return [] }
    var questions: [@Sendable () -> Elasticity?] = []
    for field in DeviceField.all where field.rule.isWhole && field.rule != .flag {
      guard let value = field.value(on: request.device), value > 0 else { continue }
      questions.append {
        func step(_ changed: Double) -> Elasticity.Step {
          guard changed > 0, changed != value, field.problem(changed) == nil else { return .none }
          var other = request
          field.set(changed, on: &other.device)
          return self.step(other, time: time)
        }
        let half = (value / 2).rounded(.down)
        return elasticity(
          field.path, half: (half / value, step(half)), twice: (2, step(2 * value)), parameter: nil)
      }
    }
    for (path, factor, parameter) in parameters(of: request) {
      questions.append {
        func step(_ text: String) -> Elasticity.Step {
          guard text != parameter.now else { return .none }
          var other = request
          other.parameters.values[parameter.name] = text
          return self.step(other, time: time)
        }
        return elasticity(
          path, half: (factor, step(parameter.half)), twice: (2, step(parameter.twice)), parameter: parameter)
      }
    }
    return questions
  }

  private static func step(_ request: SimulationRequest, time: Double) -> Elasticity.Step {
    guard let other = try? run(request).time.value, other > 0 else { return .impossible }
    return .time(other / time)
  }

  /// Nil where neither step changes anything.
  private static func elasticity(
    _ path: String, half: (factor: Double, step: Elasticity.Step),
    twice: (factor: Double, step: Elasticity.Step), parameter: Elasticity.Parameter?
  ) -> Elasticity? {
    let points = [half, twice].compactMap { side -> (x: Double, y: Double)? in
      guard let ratio = side.step.ratio, side.factor > 0 else { return nil }
      return (RealMath.log(side.factor), RealMath.log(ratio))
    }
    let matters = points.contains { abs($0.y) >= 0.001 }
    guard matters || half.step == .impossible else { return nil }
    let line = LeastSquaresLine(points + [(0, 0)])
    return Elasticity(
      path: path, value: line?.slope ?? 0, steps: .init(half: half.step, twice: twice.step),
      parameter: parameter)
  }

  /// Parameters of the schedule that are numbers: depths of FIFOs, and an FPGA kernel's parallelism. `factor` is what halving
  /// multiplies each by, rounding included.
  private static func parameters(
    of request: SimulationRequest
  ) -> [(path: String, factor: Double, parameter: Elasticity.Parameter)] {
    guard let schedule = request.scheduleType, let placement = try? program(request).placement
    else { return [] }
    var found: [(path: String, factor: Double, parameter: Elasticity.Parameter)] = []
    let depths = "depths"
    if schedule.parameters.contains(where: { $0.name == depths }) {
      for fifo in placement.shares[0].graph.fifos {
        guard let depth = fifo.depth else { continue }
        // The depths given for other FIFOs stay.
        let others = (request.parameters.values[depths] ?? "").split(separator: ",").filter {
          $0.prefix { $0 != "=" }.drop { $0 == " " } != fifo.name
        }
        func text(_ depth: Int) -> String {
          (others + ["\(fifo.name)=\(depth)"]).joined(separator: ",")
        }
        let half = max(depth / 2, 1)
        found.append(
          (
            "FIFO \(fifo.name)", Double(half) / Double(depth),
            .init(
              summary: "depth of a FIFO", name: depths, now: text(depth), half: text(half),
              twice: text(2 * depth))
          ))
      }
    }
    for axis in schedule.parallelism {
      guard let description = schedule.parameters.first(where: { $0.name == axis.parameter }) else {
        continue
      }
      let now = request.parameters.values[axis.parameter] ?? description.defaultValue
      // The last side of a tile is the one that changes.
      let sides = now.split(separator: "x")
      guard let last = sides.last.flatMap({ Int($0) }), (1...1 << 20).contains(last) else { continue }
      func text(_ side: Int) -> String {
        (sides.dropLast().map { String($0) } + [String(side)]).joined(separator: "x")
      }
      let half = max(last / 2, 1)
      found.append(
        (
          axis.parameter, Double(half) / Double(last),
          .init(
            summary: description.summary, name: axis.parameter, now: now, half: text(half),
            twice: text(2 * last))
        ))
    }
    return found
  }
}
