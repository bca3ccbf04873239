import HWModels

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Results
@testable import Schedules
@testable import Simulator
@testable import Spatial

extension Sample {
  static func request(seq: Int = 4096) throws -> SimulationRequest {
    SimulationRequest(
      schedule: "fa3", parameters: ScheduleParameters(["build": "cute", "pack_gqa": "auto"]),
      shape: try shape(seq: seq),
      device: device)
  }

  /// A made-up prediction whose parts add up.
  static func result(seq: Int = 4096, request given: SimulationRequest? = nil) throws -> SimulationResult {
    let request = try given ?? self.request(seq: seq)
    let scale = Double(seq) / 4096
    let clock = 1.445e9
    let cycles = 613_000 * scale
    let kernelTime = cycles / clock
    let flops = request.shape.usefulFlops
    let executed = flops * 1.03
    let work = Work.of {
      $0.matrixFlops = executed
      $0.exp = executed / 512
      $0.fma = executed / 256
      $0.alu = executed / 400
      $0.sharedRead = executed / 90
      $0.globalRead = executed / 128
    }
    return .init(
      request: request, time: Duration(kernelTime + 2.1e-6), kernelTime: Duration(kernelTime),
      cycles: Cycles(cycles),
      clock: .init(
        mode: .sustained, frequency: Frequency(clock), limiter: .power, power: Power(698.4),
        energy: Energy(698.4 * (kernelTime + 2.1e-6))),
      phases: [
        .init(name: "launch", time: Duration(2.1e-6), cycles: Cycles(0)),
        .init(name: "ramp", time: Duration(1.5e-6), cycles: Cycles(1.5e-6 * clock)),
        .init(name: "prologue", time: Duration(kernelTime * 0.02), cycles: Cycles(cycles * 0.02)),
        .init(name: "main", time: Duration(kernelTime * 0.93 - 1.5e-6), cycles: Cycles(cycles * 0.93)),
        .init(name: "tail", time: Duration(kernelTime * 0.05), cycles: Cycles(cycles * 0.05)),
      ],
      kernels: [
        .init(
          name: "forward", cycles: Cycles(cycles), workItems: 2048, residentItems: 1, coresUsed: 132,
          waves: 15.52,
          classes: [
            .init(
              count: 64, trips: 32, cycles: Cycles(51_900),
              period: .init(trips: 2, ticks: 3212, jumpedTrips: 26)),
            .init(count: 64, trips: 1, cycles: Cycles(4100), period: nil),
          ], occupancy: 0.947)
      ],
      resources: resources(executed: executed, cycles: cycles),
      traffic: [
        .init(level: "dram", readBytes: 201e6 * scale, writeBytes: 67e6 * scale),
        .init(level: "l2", readBytes: executed / 128, writeBytes: 67e6 * scale),
        .init(level: "shared", readBytes: executed / 90, writeBytes: executed / 128),
      ],
      work: work, usefulFlops: flops, executedFlops: executed,
      bounds: bounds(executed: executed, clock: clock, scale: scale),
      warnings: [
        ModelLimit(code: "spills", message: "register spills at this tile are not modelled"),
        ModelLimit(
          code: "l2-hit-rate",
          message:
            "the hit rate was interpolated between two measured working sets because sixteen heads in flight, with \"quotes\" & <tags>, reach past the capacity of one half"
        ),
      ], statistics: .init(events: 4812, jumpedEvents: 90_211))
  }

  private static func resources(executed: Double, cycles: Double) -> [SimulationResult.ResourceUse] {
    let shares: [(Resource, Double)] = [
      (.tensor, executed / 4096 / 132 / cycles), (.exp, executed / 512 / 16 / 132 / cycles), (.fma, 0.31),
      (.alu, 0.27), (.issue, 0.46), (.shuffle, 0.04), (.shared, 0.58), (.l2, 0.19), (.dram, 0.21),
    ]
    return Resource.allCases.map { resource in
      let share = shares.first { $0.0 == resource }?.1 ?? 0
      return .init(resource: resource, busyCycles: share * cycles * 132, utilisation: share)
    }
  }

  private static func bounds(executed: Double, clock: Double, scale: Double) -> [SimulationResult.Bound] {
    func bound(_ resource: Resource, _ amount: Double, _ ceiling: Double, _ unit: String)
      -> SimulationResult.Bound
    {
      .init(
        resource: resource, time: Duration(amount / ceiling), ceiling: ceiling, unit: unit, amount: amount)
    }
    return [
      bound(.tensor, executed, 4096 * 132 * clock, "flop/s"),
      bound(.exp, executed / 512, 16 * 132 * clock, "op/s"),
      bound(.fma, executed / 256, 128 * 132 * clock, "op/s"),
      bound(.alu, executed / 400, 64 * 132 * clock, "op/s"),
      bound(.issue, executed / 110, 128 * 132 * clock, "op/s"),
      bound(.shared, executed / 90 + executed / 128, 128 * 132 * clock, "B/s"),
      bound(.l2, executed / 128, 7e12, "B/s"), bound(.dram, 268e6 * scale, 3.35e12 * 0.91, "B/s"),
    ]
  }

  static let attribution = Attribution(entries: [
    .init(name: "tensor: S = Q Kᵀ", ticks: 1024, share: 0.319),
    .init(name: "softmax 0: softmax", ticks: 912, share: 0.284),
    .init(name: "tensor: O += P V", ticks: 760, share: 0.237),
    .init(name: "barrier: turn 1", ticks: 320, share: 0.1),
    .init(name: "exp: softmax", ticks: 180, share: 0.056),
    .init(name: "barrier: K full", ticks: 12, share: 0.004),
  ])

  static let elasticities = [
    Elasticity(path: "vector.exp", value: -0.21), Elasticity(path: "asyncTensor.rate16", value: -0.55),
    Elasticity(path: "power.tensorFlop", value: 0.29), Elasticity(path: "power.limit", value: -0.38),
    Elasticity(path: "sync.namedBarrier", value: 0.013), Elasticity(path: "dram.bandwidth", value: -0.0004),
  ]
}
