import Attention
import HWModels
import InputFiles
import Interpreter
import Programs

/// What `verify` executes, in parts that do not depend on each other.
struct VerifyPlan: Sendable {
  let types: [any Schedule.Type]
  /// Parameters that hold for every call.
  let asked: ScheduleParameters
  /// Random shapes for each family.
  let shapes: Int
  let orders: Int
  let seed: UInt64
  /// Shapes instead of random ones.
  let own: [AttentionShape]

  /// Random shapes out of which a family's are taken, at least: some schedules refuse most.
  private static let fewestTries = 64
  /// Calls of one part: short enough that the parts of all schedules even out over the cores.
  private static let callsOfPart = 8

  /// A family of shapes.
  private enum Family: Sendable {
    case masks(Verification.MaskFamily, AttentionShape.Pass)
    case batches(Verification.BatchFamily)
    case own

    static let random: [Family] =
      AttentionShape.Pass.allCases.flatMap { pass in Verification.MaskFamily.allCases.map { .masks($0, pass) }
      }
      + Verification.BatchFamily.allCases.map { .batches($0) }
  }

  /// What one schedule is to execute: calls by family.
  private struct Calls: Sendable {
    var type: any Schedule.Type
    var device: Device
    var families: [[VerificationCall]]
  }

  /// Calls of one schedule and one family.
  private struct Part: Sendable {
    var schedule: Int
    var family: Int
    var calls: Range<Int>
  }

  /// Executes everything on `jobs` tasks; one report for each schedule, in their order.
  ///
  /// Families follow each other, so that a reference in double precision serves all schedules and goes when they are done.
  ///
  /// - Parameters:
  ///   - device: the device that the user named; what does not run on it is skipped. Else each schedule runs on the first of
  ///     the library that it can run any of its shapes on.
  /// - Throws: `Failure` where a schedule does not take the parameters, or none of the devices runs it.
  func run(jobs: Int, library: DeviceLibrary, device: String?) async throws -> [VerificationReport] {
    let named = try device.map { try library.device($0) }
    var progress = ProgressLine(label: "drawing shapes", total: types.count)
    let all = try await parallel(count: types.count, jobs: jobs, &progress) {
      try calls(types[$0], library, named)
    }
    var parts: [Part] = []
    for family in 0..<(all.map(\.families.count).max() ?? 0) {
      for schedule in all.indices {
        let count = all[schedule].families[family].count
        for first in stride(from: 0, to: count, by: Self.callsOfPart) {
          parts.append(
            Part(schedule: schedule, family: family, calls: first..<min(first + Self.callsOfPart, count)))
        }
      }
    }
    let caches = ReferenceCaches(parts: parts.map(\.family))
    let work = parts
    progress = ProgressLine(label: "executing", total: parts.count)
    let reports = try await parallel(count: parts.count, jobs: jobs, &progress) { number in
      let (part, chosen) = (work[number], all[work[number].schedule])
      let report = Verification.run(
        calls: Array(chosen.families[part.family][part.calls]), of: chosen.type, device: chosen.device,
        orders: orders, seed: seed, references: caches.cache(of: part.family))
      caches.finish(part.family)
      return report
    }
    var results = all.map {
      VerificationReport(schedule: $0.type.name, device: $0.device.id, orders: orders, seed: seed)
    }
    for (part, report) in zip(parts, reports) { results[part.schedule].append(report) }
    return results
  }

  // MARK: Calls

  private func calls(_ type: any Schedule.Type, _ library: DeviceLibrary, _ named: Device?) throws -> Calls {
    let schedule: any Schedule
    do throws(ScheduleError) {
      schedule = try type.init(parameters: asked)
    } catch {
      throw Failure(.usage, "error: --param: \(error)")
    }
    let families = own.isEmpty ? Family.random : [.own]
    let pools = families.map { pool($0, type) }
    let device = try named ?? self.device(schedule, pools, library)
    let variants = try PagedVariants(type, asked: asked, device: device)
    return Calls(
      type: type, device: device,
      families: zip(families, pools).map { family, pool in
        let numbered = pool.enumerated().lazy
        switch family {
        case .own: return numbered.map { VerificationCall(schedule: schedule, shape: $1, number: $0) }
        case .masks:
          // Shapes that the schedule takes, where it takes some of a family; else those that it refuses, with the reason.
          let calls = numbered.map { VerificationCall(schedule: schedule, shape: $1, number: $0) }
          let taken = Array(
            calls.filter { Verification.takes(schedule, $0.shape, on: device) }.prefix(shapes))
          return taken.isEmpty ? Array(calls.prefix(shapes)) : taken
        case .batches(let family):
          return Array(
            numbered.compactMap { variants.call($1, family: family, number: $0, seed: seed) }.prefix(shapes))
        }
      })
  }

  /// The first device whose resources the schedule finds sufficient for any of the shapes.
  private func device(
    _ schedule: any Schedule, _ pools: [[AttentionShape]], _ library: DeviceLibrary
  ) throws -> Device {
    for id in library.ids() {
      let device = try library.device(id)
      let runs = pools.contains { $0.contains { Verification.takes(schedule, $0, on: device) } }
      if runs { return device }
    }
    throw Failure(
      .badInput,
      "error: no device in \(library.directories.joined(separator: ", ")) runs \(type(of: schedule).name) so")
  }

  private func pool(_ family: Family, _ type: any Schedule.Type) -> [AttentionShape] {
    let count = max(shapes, Self.fewestTries)
    switch family {
    case .own: return own
    case .masks(let family, let pass):
      return Array(Verification.shapes(family, pass: pass, seed: seed, geometry: type.geometry).prefix(count))
    case .batches(let family):
      guard family.isTaken(by: type) else { return [] }
      // Few variants take pages of a size that the prefix is a multiple of.
      return Array(
        Verification.batches(family, seed: seed, geometry: type.geometry).prefix(max(2 * shapes, count)))
    }
  }

  // MARK: Tasks

  /// Results of `work` for each number, in order.
  private func parallel<Result: Sendable>(
    count: Int, jobs: Int, _ progress: inout ProgressLine, _ work: @escaping @Sendable (Int) throws -> Result
  ) async throws -> [Result] {
    defer { progress.finish() }
    return try await withThrowingTaskGroup(of: (Int, Result).self) { group in
      var results = [Result?](repeating: nil, count: count)
      var (begun, finished) = (0, 0)
      while finished < count {
        while begun < count, begun - finished < jobs {
          let number = begun
          group.addTask { (number, try work(number)) }
          begun += 1
        }
        guard let (number, result) = try await group.next() else { break }
        results[number] = result
        finished += 1
        progress.advance(to: finished)
      }
      return results.compactMap { $0 }
    }
  }
}
