import HWModels
package import Programs
package import Results

/// A spatial program timed and put into words: the counterpart of `KernelSimulation` and `ResultAssembly`.
///
/// Epochs follow each other; a section takes the longer of its epochs and its memory traffic.
package struct SpatialRun {
  package let request: SimulationRequest
  let program: Program
  let spatial: SpatialProgram
  let machine: Device.Spatial
  private let clock: Frequency

  package init(_ request: SimulationRequest, _ program: Program, _ spatial: SpatialProgram)
    throws(SimulationError)
  {
    guard let machine = request.device.spatial else {
      throw .schedule(
        .missingResource(schedule: program.schedule, part: "spatial", device: request.device.id))
    }
    self.request = request
    self.program = program
    self.spatial = spatial
    self.machine = machine
    if case .locked(let clock) = request.mode {
      self.clock = clock
    } else {
      clock = request.device.clock.maximum
    }
  }

  private var isLocked: Bool { if case .locked = request.mode { true } else { false } }

  private func memory(_ section: SpatialProgram.Section) -> Duration {
    Bytes(section.bytes) / machine.dramBandwidth
  }

  /// - Throws: where the cycles are more than can be counted exactly.
  package func result() throws(SimulationError) -> SimulationResult {
    let time = spatial.sections.reduce(0) {
      $0 + max((Cycles($1.cycles) / clock).value, memory($1).value)
    }
    let cycles = time * clock.value
    // Cycles are kept and written as doubles, which count exactly up to 2^53.
    let counted = spatial.sections.reduce(cycles) { max($0, $1.cycles) }
    guard counted <= 0x1p53 else {
      throw .schedule(
        .unsupported(
          schedule: program.schedule, field: "seq",
          message: "would take more than 2^53 cycles for this shape, which is as many as are counted exactly")
      )
    }
    let energy = SpatialEnergy(spatial, machine).amounts
    let joules = energy.reduce(0) { $0 + $1.value } + request.device.power.idle.value * time
    let transfers = spatial.sections.flatMap(\.transfers)
    let work = work(transfers)
    return SimulationResult(
      request: request, time: Duration(time), kernelTime: Duration(time), cycles: Cycles(cycles),
      clock: .init(
        mode: request.mode, frequency: clock, limiter: isLocked ? .locked : .maximum,
        power: joules > 0 ? Power(joules / time) : nil, energy: joules > 0 ? Energy(joules) : nil),
      phases: phases(), kernels: [], resources: resources(cycles),
      traffic: [
        .init(
          level: "dram", readBytes: transfers.reduce(0) { $0 + $1.read },
          writeBytes: transfers.reduce(0) { $0 + $1.written })
      ],
      work: work, usefulFlops: program.usefulFlops, executedFlops: work.matrixFlops,
      bounds: bounds(work),
      warnings: program.warnings, statistics: .init(events: spatial.einsums.count, jumpedEvents: 0),
      spatial: describe(cycles, energy, transfers))
  }

  /// Each epoch, each stall, and what memory takes beyond the arrays of its section.
  private func phases() -> [SimulationResult.Phase] {
    var phases: [SimulationResult.Phase] = []
    func add(_ name: String, _ time: Duration) {
      if time.value > 0 { phases.append(.init(name: name, time: time, cycles: time * clock)) }
    }
    for section in spatial.sections {
      for epoch in section.epochs {
        add(epoch.name, Cycles(epoch.cycles - epoch.stall) / clock)
        add("stall after \(epoch.name)", Cycles(epoch.stall) / clock)
      }
      add("memory of \(section.name)", memory(section) - Cycles(section.cycles) / clock)
    }
    return phases
  }

  private func busy(_ place: SpatialProgram.Place) -> Double {
    spatial.sections.reduce(0) { $0 + busy(place, in: $1) }
  }

  private func busy(_ place: SpatialProgram.Place, in section: SpatialProgram.Section) -> Double {
    section.epochs.flatMap(\.einsums).reduce(0) { $0 + ($1.place == place ? $1.cycles * $1.share : 0) }
  }

  private func resources(_ cycles: Double) -> [SimulationResult.ResourceUse] {
    let dram = spatial.sections.reduce(0) { $0 + memory($1).value } * clock.value
    return [(Resource.array2D, busy(.grid)), (.array1D, busy(.line)), (.dram, dram)].filter { $0.1 > 0 }.map {
      .init(resource: $0, busyCycles: $1, utilisation: $1 / cycles)
    }
  }

  private func work(_ transfers: [SpatialProgram.Transfer]) -> Work {
    var work = Work()
    for einsum in spatial.einsums {
      let operations = einsum.operations
      if einsum.isProduct { work.matrixFlops += 2 * operations.mac } else { work.fma += operations.mac }
      work.fma += operations.add + operations.divide
      work.max += operations.max
      work.exp += operations.exponential
    }
    for transfer in transfers {
      work.globalRead += transfer.read
      work.globalWrite += transfer.written
    }
    work.sharedRead = spatial.bufferBytes
    return work
  }

  /// Each array alone needs its busy cycles, memory its bytes. Summed by section as the time is, so that rounding cannot put a
  /// bound above it.
  private func bounds(_ work: Work) -> [SimulationResult.Bound] {
    let bytes = work.globalRead + work.globalWrite
    func array(
      _ resource: Resource, _ place: SpatialProgram.Place, _ elements: Double
    ) -> SimulationResult.Bound {
      .init(
        resource: resource,
        time: Duration(
          spatial.sections.reduce(0) { $0 + (Cycles(busy(place, in: $1)) / clock).value }),
        ceiling: clock.value * elements, unit: "op/s", amount: busy(place) * elements)
    }
    return [
      array(.array2D, .grid, machine.rows.value * machine.columns.value),
      array(.array1D, .line, machine.lanes.value),
      .init(
        resource: .dram, time: Duration(spatial.sections.reduce(0) { $0 + memory($1).value }),
        ceiling: machine.dramBandwidth.value,
        unit: "B/s", amount: bytes),
    ]
  }

  private func describe(
    _ cycles: Double, _ energy: [SpatialResult.Amount], _ transfers: [SpatialProgram.Transfer]
  ) -> SpatialResult {
    var traffic: [SpatialResult.Amount] = []
    for transfer in transfers {
      let bytes = transfer.read + transfer.written
      if let known = traffic.firstIndex(where: { $0.name == transfer.tensor }) {
        traffic[known].value += bytes
      } else if bytes > 0 {
        traffic.append(.init(name: transfer.tensor, value: bytes))
      }
    }
    let area = machine.areaSquareMillimetres.value
    return SpatialResult(
      einsums: spatial.sections.flatMap { section in
        section.epochs.flatMap(\.einsums).map {
          .init(
            name: $0.name, section: section.name, array: $0.place == .grid ? "2d" : "1d", cycles: $0.cycles,
            utilisation: $0.cycles * $0.share / cycles)
        }
      },
      stallCycles: spatial.sections.flatMap(\.epochs).reduce(0) { $0 + $1.stall },
      computeCycles: spatial.sections.reduce(0) { $0 + $1.cycles },
      memorySeconds: spatial.sections.reduce(0) { $0 + memory($1).value }, energy: energy, traffic: traffic,
      mapping: spatial.mapping.map { .init(name: $0.name, value: $0.value) },
      areaSquareMillimetres: area > 0 ? area : nil)
  }
}
