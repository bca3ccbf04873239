/// A machine: resources with rates, capacities, latencies, clocks and energies. Data, never code.
///
/// A device is read from a file in `hardware/`; `DeviceField.all` lists every number with its path, unit and
/// rule, and drives the loader, the JSON schema, `--set` and the elasticities. Nothing here knows a kernel, and
/// nothing names a chip.
///
/// - Leaves out: instruction caches, texture units, inter-device links.
public struct Device: Sendable {
  /// The name of its file, e.g. `h100-sxm5`.
  public var id: String
  /// The name people use, e.g. `NVIDIA H100 SXM5 80 GB`.
  public var name: String
  public var kind: DeviceKind
  public var clock = Clock()
  public var power = PowerModel()
  public var cores = Cores()
  public var vector = VectorUnits()
  public var tensor = TensorUnit()
  /// Asynchronous matrix instructions (wgmma, tcgen05), where the core has them.
  public var asyncTensor: AsyncTensorUnit?
  public var shared = SharedMemory()
  public var tensorMemory: TensorMemory?
  /// Hardware tile copies from the shared cache to shared memory (TMA), where the core has them.
  public var copyEngine: CopyEngine?
  public var l2 = CacheLevel()
  /// fp32 additions in the shared cache, where they were measured; elsewhere they count as stores.
  public var additions: Additions?
  public var dram = DeviceMemory()
  public var sync = Synchronisation()
  /// Nodes and FIFOs of a streaming dataflow machine.
  public var streaming: Streaming?
  /// Arrays of processing elements and their buffer.
  public var spatial: Spatial?
  /// Resources of an FPGA board.
  public var fpga: FPGA?
  /// Names that kernels are built for, by path: see `DeviceWord`.
  public var words: [String: DeviceWord] = [:]
  /// Where each number comes from, by path.
  public var provenance: [String: Provenance] = [:]

  public init(id: String, name: String, kind: DeviceKind) {
    self.id = id
    self.name = name
    self.kind = kind
  }
}

/// A part of a device that only some devices have. Its default holds zeros, which the loader never lets through.
public protocol OptionalDevicePart: Sendable {
  init()
}

extension Device {
  /// Clocks of the cores.
  public struct Clock: Sendable {
    /// The highest clock the chip runs at.
    public var maximum = Frequency.zero
    /// The clock at which the vendor quotes peak rates.
    public var nominal = Frequency.zero
    /// The lowest clock under a power limit.
    public var minimum = Frequency.zero
    /// The highest clock while the matrix unit is in use, whatever the power: the limit by activity beside the limit
    /// by power. Drivers report the clock that was asked for, which can be higher than the one the cores run at.
    public var matrixMaximum = Frequency.zero
    /// How long the chip stays at the burst limit before the sustained one holds.
    public var burstDuration = Duration.zero
  }

  /// Board power: idle plus energy per unit of work.
  public struct PowerModel: Sendable {
    public var limit = Power.zero
    /// What the chip allows before its averaging limiter acts, over the sustained limit: the limit of short runs.
    public var burstFactor = Count.zero
    /// The clock at which the energies are stated.
    public var referenceClock = Frequency.zero
    public var idle = Power.zero
    /// Dynamic energy scales with (clock / reference) to this power: the stand-in for a voltage-frequency curve.
    public var voltageExponent = Fraction.zero
    public var tensorFlop = Energy.zero
    /// Matrix work whose operands all pass through the register file.
    public var tensorFlopSynchronous = Energy.zero
    /// Energy of a matrix flop one of whose operands is zero (a row of padding), over that on random data.
    public var zeroOperandShare = Fraction.zero
    public var exp = Energy.zero
    public var fma = Energy.zero
    /// Any other instruction, per lane.
    public var instruction = Energy.zero
    public var sharedByte = Energy.zero
    public var l2Byte = Energy.zero
    public var dramByte = Energy.zero
  }

  /// How many cores there are, how they are grouped, and what one holds.
  public struct Cores: Sendable {
    public var count = Count.zero
    /// Largest group of cores that can run one cluster of work items.
    public var clusterMaximum = Count(1)
    public var subCores = Count.zero
    /// Lanes of a warp (wave, sub-group).
    public var lanes = Count.zero
    public var registerFile = Bytes.zero
    public var registersPerThreadMaximum = Count.zero
    public var threadsMaximum = Count.zero
    public var workItemsMaximum = Count.zero
  }

  /// Vector pipes of one core, rates in lane operations a cycle, latencies of one dependent operation.
  public struct VectorUnits: Sendable {
    public var issue = OperationsPerCycle.zero
    public var fma = OperationsPerCycle.zero
    public var max = OperationsPerCycle.zero
    /// Compare, select and integer logic. Maxima and conversions share the pipe.
    public var alu = OperationsPerCycle.zero
    /// Elements converted from 32 to 16 bits.
    public var convert = OperationsPerCycle.zero
    public var exp = OperationsPerCycle.zero
    public var shuffle = OperationsPerCycle.zero
    public var aluLatency = Cycles.zero
    public var expLatency = Cycles.zero
    public var shuffleLatency = Cycles.zero
    /// Cycles that one warp spends on an instruction that has no pipe of its own here: address and phase arithmetic,
    /// moves, operand loads.
    public var otherInterval = Cycles.zero
    /// Cycles from one instruction to the next of one warp in code that a compiler has interleaved with blocking matrix
    /// instructions: mostly one, as pipes overlap.
    public var interleavedInterval = Cycles.zero
    /// How many times longer vector code takes while the matrix unit is busy: they share register ports.
    public var matrixSlowdown = Count.zero
  }

  /// Matrix instructions that block their warp and take operands from registers (mma.sync, MFMA).
  public struct TensorUnit: Sendable {
    public var rate16 = FlopsPerCycle.zero
    public var rate8 = FlopsPerCycle.zero
    /// Rate that one warp per sub-core reaches alone.
    public var rate16OneWarp = FlopsPerCycle.zero
    /// From issue to a usable result.
    public var latency = Cycles.zero
    /// Share of the matrix time in which the sub-core issues nothing else, since the instruction reads its operands
    /// from registers.
    public var issueShare = Fraction.zero
  }

  /// Matrix instructions that run beside their warps and read operands from shared or tensor memory.
  public struct AsyncTensorUnit: OptionalDevicePart {
    public var rate16 = FlopsPerCycle.zero
    public var rate8 = FlopsPerCycle.zero
    /// From the last matrix cycle of a group to its issuer seeing it complete.
    public var completionLatency = Cycles.zero
    /// Cycles to issue one instruction.
    public var issueInterval = Cycles.zero
    /// Issue of an instruction with a register operand waits until this much matrix work is left before it.
    public var registerOperandLead = Cycles.zero
    /// Factor on the time that the exponential unit needs while the matrix unit is busy: both read registers.
    public var expSlowdown = Count.zero
    public init() {}
  }

  /// Shared memory (LDS, SLM) of one core.
  public struct SharedMemory: Sendable {
    public var capacity = Bytes.zero
    public var perWorkItem = Bytes.zero
    /// Kept by the system for each work item.
    public var reservedPerWorkItem = Bytes.zero
    public var bandwidth = BytesPerCycle.zero
    public var latency = Cycles.zero
  }

  /// Memory that holds matrix accumulators (TMEM).
  public struct TensorMemory: OptionalDevicePart {
    public var columns = Count.zero
    public var lanes = Count.zero
    public var readBandwidth = BytesPerCycle.zero
    public var writeBandwidth = BytesPerCycle.zero
    public var latency = Cycles.zero
    public init() {}
  }

  /// Tile copies without warps.
  public struct CopyEngine: OptionalDevicePart {
    /// Added to the memory latency by the engine itself.
    public var latency = Cycles.zero
    public var maximumMulticast = Count.zero
    public init() {}
  }

  /// The last cache that all cores share.
  public struct CacheLevel: Sendable {
    public var capacity = Bytes.zero
    /// Share of the capacity that keeps a stream all cores read: both halves hold copies of what they read.
    public var effectiveShare = Fraction.zero
    public var bandwidth = BytesPerSecond.zero
    /// Bytes a second at which stores of all cores drain when they come together.
    public var storeBandwidth = BytesPerSecond.zero
    /// What one core's port carries.
    public var corePort = BytesPerCycle.zero
    public var latencyNear = Cycles.zero
    public var latencyFar = Cycles.zero
  }

  /// fp32 additions in the shared cache, by atomics of warps or by reductions of the copy engine.
  public struct Additions: OptionalDevicePart {
    /// Bytes a second, all cores together.
    public var throughput = BytesPerSecond.zero
    /// What one core can add alone.
    public var corePort = BytesPerCycle.zero
    /// Energy of a byte added, in the cache.
    public var byteEnergy = Energy.zero
    public init() {}
  }

  /// Memory of the device beyond all caches.
  public struct DeviceMemory: Sendable {
    public var capacity = Bytes.zero
    public var bandwidth = BytesPerSecond.zero
    /// Share of the quoted bandwidth that long streams reach.
    public var efficiency = Fraction.zero
    public var latency = Cycles.zero
  }

  /// Costs of synchronising and of starting work.
  public struct Synchronisation: Sendable {
    /// From the last arrival at a named barrier to its waiters running on.
    public var namedBarrier = Cycles.zero
    /// From completion of a memory barrier's phase to its waiters running on.
    public var memoryBarrier = Cycles.zero
    public var clusterBarrier = Cycles.zero
    public var atomic = Cycles.zero
    /// From a free slot to the first instruction of the next work item.
    public var workItemLaunch = Cycles.zero
    /// Work items that the grid's launcher starts in a second, over the chip.
    public var workItemRate = OperationsPerCycle.zero
    /// Host-side and front-end time of one kernel, seen when kernels follow each other.
    public var kernelLaunch = Duration.zero
    /// From the start of a kernel, as a profiler sees it, to its first instruction, and from the last to its end.
    public var kernelRamp = Duration.zero
  }
}
