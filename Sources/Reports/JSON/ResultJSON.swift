import Attention
import HWModels
import Programs
public import Results

/// A result as JSON. Keys end in their unit, are always present and always in this order.
///
/// - `schedule`, `parameters`, `device` (`id`, `name`, `overrides`), `shape`, `mode`: what was asked
/// - `time_s`, `kernel_time_s`, `cycles`, `clock` (`frequency_hz`, `limiter`, `power_w`, `energy_j`, null where no power
///   is known of the machine)
/// - `useful_flops`, `executed_flops`, `useful_flops_per_s`, `tightest_bound`
/// - `phases`, `kernels`, `resources`, `traffic`, `bounds`, `work`, `warnings`, `statistics`
/// - `dataflow`: nodes and FIFOs of a streaming run, null elsewhere
/// - `spatial`: einsums, energies, traffic and mapping of a run on a spatial array, null elsewhere
/// - `assumed`, `fitted`: paths of the device numbers that nobody stands behind, and of those fitted to data
public enum JSONReport {
  public static func render(_ result: SimulationResult, indented: Bool = true) -> String {
    value(result).text(indented: indented)
  }

  /// The same as a value, for larger documents.
  public static func value(_ result: SimulationResult) -> JSONValue {
    .object([
      "schedule": .string(result.request.schedule),
      "parameters": parameters(result.request.parameters),
      "device": device(result.request),
      "shape": shape(result.request.shape),
      "mode": .string(result.request.mode.name),
      "time_s": .number(result.time.value),
      "kernel_time_s": .number(result.kernelTime.value),
      "cycles": .number(result.cycles.value),
      "clock": clock(result.clock),
      "useful_flops": .number(result.usefulFlops),
      "executed_flops": .number(result.executedFlops),
      "useful_flops_per_s": .number(result.usefulFlopsPerSecond),
      "tightest_bound": result.tightestBound.map { .string($0.resource.name) } ?? .null,
      "phases": .array(result.phases.map(phase)),
      "kernels": .array(result.kernels.map(kernel)),
      "resources": .array(result.resources.map(resource)),
      "traffic": .array(result.traffic.map(traffic)),
      "bounds": .array(result.bounds.map(bound)),
      "work": .object(result.work.named.map { (key: $0.name, value: .number($0.value)) }),
      "warnings": .array(
        result.warnings.map { .object(["code": .string($0.code), "message": .string($0.message)]) }),
      "statistics": .object([
        "events": .integer(result.statistics.events),
        "jumped_events": .integer(result.statistics.jumpedEvents),
      ]),
      "dataflow": DataflowJSON.value(result.dataflow),
      "spatial": SpatialJSON.value(result.spatial),
      "assumed": .array(result.request.device.paths(of: .assumed).map { .string($0) }),
      "fitted": .array(result.request.device.paths(of: .fitted).map { .string($0) }),
    ])
  }

  static func parameters(_ parameters: ScheduleParameters) -> JSONValue {
    .object(parameters.values.sorted { $0.key < $1.key }.map { (key: $0.key, value: .string($0.value)) })
  }

  static func overrides(_ overrides: [(path: String, value: String)]) -> JSONValue {
    .array(overrides.map { .object(["path": .string($0.path), "value": .string($0.value)]) })
  }

  static func shape(_ shape: AttentionShape) -> JSONValue {
    var fields: [(key: String, value: JSONValue)] = [
      ("batch", .integer(shape.batch)), ("heads_q", .integer(shape.headsQ)),
      ("heads_kv", .integer(shape.headsKV)), ("seq_q", .integer(shape.seqQ)),
      ("seq_kv", .integer(shape.seqKV)), ("head_dim", .integer(shape.headDim)),
      ("head_dim_v", .integer(shape.headDimV)), ("dtype", .string(shape.dataType.rawValue)),
      ("mask", .string(shape.mask.description)), ("pass", .string(shape.pass.rawValue)),
    ]
    if let lengths = shape.lengths { fields.append(("lengths", .string(lengths.description))) }
    if shape.sharedPrefix > 0 { fields.append(("shared_prefix", .integer(shape.sharedPrefix))) }
    return .object(fields)
  }

  private static func device(_ request: SimulationRequest) -> JSONValue {
    .object([
      "id": .string(request.device.id), "name": .string(request.device.name),
      "overrides": overrides(request.overrides),
    ])
  }

  private static func clock(_ clock: SimulationResult.ClockResult) -> JSONValue {
    .object([
      "mode": .string(clock.mode.name), "frequency_hz": .number(clock.frequency.value),
      "limiter": .string(clock.limiter.rawValue), "power_w": clock.power.map { .number($0.value) } ?? .null,
      "energy_j": clock.energy.map { .number($0.value) } ?? .null,
    ])
  }

  private static func phase(_ phase: SimulationResult.Phase) -> JSONValue {
    .object([
      "name": .string(phase.name), "time_s": .number(phase.time.value), "cycles": .number(phase.cycles.value),
    ])
  }

  private static func kernel(_ kernel: SimulationResult.KernelResult) -> JSONValue {
    .object([
      "name": .string(kernel.name), "cycles": .number(kernel.cycles.value),
      "work_items": .integer(kernel.workItems),
      "resident_items": .integer(kernel.residentItems), "cores_used": .integer(kernel.coresUsed),
      "waves": .number(kernel.waves), "occupancy": .number(kernel.occupancy),
      "classes": .array(kernel.classes.map(itemClass)),
    ])
  }

  private static func itemClass(_ item: SimulationResult.ClassResult) -> JSONValue {
    .object([
      "count": .integer(item.count), "trips": .integer(item.trips), "cycles": .number(item.cycles.value),
      "period_trips": item.period.map { .integer($0.trips) } ?? .null,
      "period_ticks": item.period.map { .integer($0.ticks) } ?? .null,
      "jumped_trips": item.period.map { .integer($0.jumpedTrips) } ?? .null,
    ])
  }

  private static func resource(_ use: SimulationResult.ResourceUse) -> JSONValue {
    .object([
      "resource": .string(use.resource.name), "busy_cycles": .number(use.busyCycles),
      "utilisation": .number(use.utilisation),
    ])
  }

  private static func traffic(_ traffic: SimulationResult.Traffic) -> JSONValue {
    .object([
      "level": .string(traffic.level), "read_bytes": .number(traffic.readBytes),
      "write_bytes": .number(traffic.writeBytes),
    ])
  }

  private static func bound(_ bound: SimulationResult.Bound) -> JSONValue {
    .object([
      "resource": .string(bound.resource.name), "time_s": .number(bound.time.value),
      "ceiling_per_s": .number(bound.ceiling), "unit": .string(bound.unit), "amount": .number(bound.amount),
    ])
  }
}

extension Device {
  /// Paths of the numbers of one kind, sorted.
  func paths(of kind: ProvenanceKind) -> [String] {
    provenance.filter { $0.value.kind == kind }.keys.sorted()
  }
}
