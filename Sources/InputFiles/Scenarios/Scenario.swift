import Attention
import HWModels
import Programs
public import Results

/// A question, or the product of many: a base point and the axes along which it varies.
///
/// Points are numbered from 0, the last axis fastest. Nothing of a point is stored: `request(_:)` makes it from its
/// number, so that shards and resumed sweeps name points by number alone.
public struct Scenario: Sendable {
  public let name: String
  public let description: String?
  /// In the order in which the file writes them.
  public let axes: [Axis]
  /// Number of points; 1 without axes.
  public let count: Int
  let base: ScenarioChoice
  /// The devices that points refer to, with the scenario's own changes made.
  let devices: [Device]
  /// The changes made to every device, as written.
  let overrides: [DeviceOverride]
  let registry: ScheduleRegistry

  /// One thing, or several together, that take a list of values in turn.
  public struct Axis: Sendable {
    /// As written: `seq`, `device.dram.bandwidth`, or `seq, batch` for several together.
    public let name: String
    public let values: [Value]

    /// One value of an axis, as the user wrote it.
    public struct Value: Sendable {
      /// As written.
      public let text: String
      let settings: [ScenarioSetting]
    }
  }

  /// Why one point of a scenario cannot be asked.
  public struct PointError: Error, Sendable, CustomStringConvertible {
    /// Number of the point.
    public let index: Int
    /// Name of the field to blame, as in the file, where one is.
    public let field: String?
    public let message: String
    public var description: String { message }
  }

  init(
    name: String, description: String? = nil, base: ScenarioChoice, axes: [Axis] = [], devices: [Device],
    overrides: [DeviceOverride] = [], registry: ScheduleRegistry
  ) {
    self.name = name
    self.registry = registry
    self.description = description
    self.axes = axes
    self.base = base
    self.devices = devices
    self.overrides = overrides
    count = axes.reduce(1) { $0 * $1.values.count }
  }

  /// The values that the axes take at a point, as written.
  public func values(at index: Int) -> [(axis: String, value: String)] {
    zip(axes, digits(of: index)).map { ($0.name, $0.values[$1].text) }
  }

  /// The request of point `index`.
  ///
  /// - Precondition: `index` lies in `0..<count`.
  /// - Throws: `PointError` where the values of this point do not go together.
  /// - Complexity: O(axes); a point that changes the device copies it.
  public func request(_ index: Int) throws(PointError) -> SimulationRequest {
    var choice = base
    let settings = zip(axes, digits(of: index)).flatMap { $0.values[$1].settings }
    // A schedule brings its own parameters, so it goes before the parameters that other axes vary.
    for setting in settings where setting.isSchedule { choice.set(setting) }
    for setting in settings where !setting.isSchedule { choice.set(setting) }
    do {
      return try Scenario.request(choice, devices: devices, overrides: overrides, registry: registry)
    } catch {
      throw PointError(index: index, field: error.field, message: error.message)
    }
  }

  private func digits(of index: Int) -> [Int] {
    var rest = index
    var digits: [Int] = []
    for axis in axes.reversed() {
      digits.append(rest % axis.values.count)
      rest /= axis.values.count
    }
    return digits.reversed()
  }

  /// Why a choice is no request: the field to blame, and what is wrong.
  struct ChoiceError: Error {
    var field: String?
    var message: String
    var others: [ShapeError.Problem] = []
  }

  /// Axes that change numbers which no kind of machine among `devices` has, each once.
  static func foreignChanges(on axes: [Axis], of devices: [Device]) -> [Diagnostic] {
    axes.compactMap { axis in
      for case .override(let change) in axis.values.flatMap(\.settings) {
        if let problem = change.problem(onAll: devices) { return problem }
      }
      return nil
    }
  }

  static func request(
    _ choice: ScenarioChoice, devices: [Device], overrides: [DeviceOverride], registry: ScheduleRegistry
  ) throws(ChoiceError) -> SimulationRequest {
    let shape: AttentionShape
    do {
      shape = try choice.shape()
    } catch {
      throw ChoiceError(
        field: error.problems.first?.field, message: error.description, others: error.problems)
    }
    var device = devices[choice.device]
    if !choice.overrides.isEmpty {
      do {
        try DeviceOverride.apply(choice.overrides, to: &device)
      } catch {
        throw ChoiceError(field: nil, message: error.diagnostics.map(\.message).joined(separator: "; "))
      }
    }
    if case .locked(let clock) = choice.mode {
      try requireClock(clock, device)
    }
    return SimulationRequest(
      schedule: choice.schedule, parameters: ScheduleParameters(choice.parameters), shape: shape,
      device: device,
      mode: choice.mode, overrides: (overrides + choice.overrides).map { ($0.path, $0.text) },
      registry: registry)
  }

  /// Share of the highest clock below which a locked one is a slip of the unit, where the file names no lowest clock.
  private static let slowestShare = 0.01

  /// - Throws: where the device cannot run at `clock`.
  private static func requireClock(_ clock: Frequency, _ device: Device) throws(ChoiceError) {
    func text(_ clock: Frequency) -> String {
      QuantityText.write(clock.value, unit: .hertz, suffix: "MHz")
    }
    let (lowest, highest) = (device.clock.minimum, device.clock.maximum)
    if clock > highest {
      throw ChoiceError(
        field: "mode", message: "the locked clock is above the highest of \(device.id), \(text(highest))")
    }
    if clock < lowest {
      throw ChoiceError(
        field: "mode",
        message:
          "the locked clock is below the lowest of \(device.id), which runs at \(text(lowest)) to \(text(highest))"
      )
    }
    if clock.value < highest.value * slowestShare {
      throw ChoiceError(
        field: "mode",
        message:
          "the locked clock is below a hundredth of the highest of \(device.id), \(text(highest)); is the unit right?"
      )
    }
  }
}
