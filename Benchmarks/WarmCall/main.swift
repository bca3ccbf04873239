import Attention
import Dataflow
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial

/// Time of one warm library call, by sequence length: median and 90th percentile of many, nothing kept between calls.
///
/// Wall-clock numbers are history, not tests: note machine and commit beside them.
let device = try DeviceLibrary.standard().device("h100-sxm5")
let clock = ContinuousClock()
print("schedule  mask    tokens   median us   p90 us   operations played")
// An argument keeps the rows whose schedule and mask it names, such as `fa3 none`, for a look with a profiler.
let wanted = CommandLine.arguments.dropFirst().joined(separator: " ")
for (schedule, mask) in [("fa3", Mask.none), ("fa3", .causal), ("fa2", .none), ("fa2", .causal)]
where "\(schedule) \(mask)".hasPrefix(wanted) {
  for length in [4096, 16_384, 131_072, 1_048_576] {
    let shape = try AttentionShape(batch: 1, headsQ: 16, seqQ: length, headDim: 128, mask: mask)
    let request = SimulationRequest(schedule: schedule, shape: shape, device: device)
    let events = try Simulation.run(request).statistics.events
    var times: [Swift.Duration] = []
    let budget = clock.now + .milliseconds(400)
    while times.count < 2000, clock.now < budget || times.count < 20 {
      times.append(try clock.measure { _ = try Simulation.run(request) })
    }
    times.sort()
    func microseconds(_ duration: Swift.Duration) -> Double {
      (Double(duration.components.attoseconds) / 1e12 * 10).rounded() / 10
    }
    print(
      "\(schedule)       \(mask)", length, microseconds(times[times.count / 2]),
      microseconds(times[times.count * 9 / 10]), events, separator: "   ")
  }
}
