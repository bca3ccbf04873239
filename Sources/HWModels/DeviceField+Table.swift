extension DeviceField {
  /// Every number a device file may hold, in the order in which files list them.
  public static let all: [DeviceField] = [
    .init("clock.maximum", \.clock.maximum, .positive, "highest core clock"),
    .init("clock.nominal", \.clock.nominal, .positive, "clock at which the vendor quotes peak rates"),
    .init("clock.minimum", \.clock.minimum, .positive, "lowest core clock under a power limit"),
    .init(
      "clock.matrixMaximum", \.clock.matrixMaximum, .positive, "highest clock while the matrix unit is in use"
    ),
    .init("clock.burstDuration", \.clock.burstDuration, .positive, "how long the burst limit holds"),

    .init("power.limit", \.power.limit, .positive, "sustained board power"),
    .init(
      "power.burstFactor", \.power.burstFactor, .positive, "power that short runs may draw over the limit"),
    .init(
      "power.referenceClock", \.power.referenceClock, .positive, "clock at which the energies are stated"),
    .init("power.idle", \.power.idle, .nonNegative, "board power at the maximum clock with nothing to do"),
    .init(
      "power.voltageExponent", \.power.voltageExponent, .nonNegative,
      "dynamic energy scales with (clock / reference) to this power"),
    .init(
      "power.tensorFlop", \.power.tensorFlop, .nonNegative, "energy of one 16-bit matrix flop, random data"),
    .init(
      "power.tensorFlopSynchronous", \.power.tensorFlopSynchronous, .nonNegative,
      "energy of one 16-bit matrix flop whose operands pass through registers"),
    .init(
      "power.zeroOperandShare", \.power.zeroOperandShare, .fraction,
      "energy of a matrix flop with a zero operand, over that on random data"),
    .init("power.exp", \.power.exp, .nonNegative, "energy of one exponential"),
    .init("power.fma", \.power.fma, .nonNegative, "energy of one fused multiply-add"),
    .init("power.instruction", \.power.instruction, .nonNegative, "energy of any other lane operation"),
    .init("power.sharedByte", \.power.sharedByte, .nonNegative, "energy of one shared-memory byte"),
    .init("power.l2Byte", \.power.l2Byte, .nonNegative, "energy of one byte from the shared cache"),
    .init("power.dramByte", \.power.dramByte, .nonNegative, "energy of one byte from device memory"),

    .init("cores.count", \.cores.count, .positiveInteger, "cores (SMs, CUs, Xe cores)"),
    .init("cores.clusterMaximum", \.cores.clusterMaximum, .positiveInteger, "largest cluster of work items"),
    .init("cores.subCores", \.cores.subCores, .positiveInteger, "sub-cores with an issue port each"),
    .init("cores.lanes", \.cores.lanes, .positiveInteger, "lanes of a warp"),
    .init("cores.registerFile", \.cores.registerFile, .positive, "register file of a core"),
    .init(
      "cores.registersPerThreadMaximum", \.cores.registersPerThreadMaximum, .positiveInteger,
      "32-bit registers one thread can have"),
    .init("cores.threadsMaximum", \.cores.threadsMaximum, .positiveInteger, "resident threads of a core"),
    .init(
      "cores.workItemsMaximum", \.cores.workItemsMaximum, .positiveInteger, "resident work items of a core"),

    .init("vector.issue", \.vector.issue, .positive, "lane operations issued by a core in a cycle"),
    .init("vector.fma", \.vector.fma, .positive, "fused multiply-adds of a core in a cycle"),
    .init("vector.max", \.vector.max, .positive, "maxima in a cycle"),
    .init("vector.alu", \.vector.alu, .positive, "compares and logic operations in a cycle"),
    .init("vector.convert", \.vector.convert, .positive, "elements converted to 16 bits in a cycle"),
    .init("vector.exp", \.vector.exp, .positive, "exponentials in a cycle"),
    .init("vector.shuffle", \.vector.shuffle, .positive, "lane exchanges in a cycle"),
    .init("vector.aluLatency", \.vector.aluLatency, .nonNegative, "dependent add, multiply or maximum"),
    .init("vector.expLatency", \.vector.expLatency, .nonNegative, "dependent exponential"),
    .init("vector.shuffleLatency", \.vector.shuffleLatency, .nonNegative, "dependent lane exchange"),
    .init(
      "vector.otherInterval", \.vector.otherInterval, .positive,
      "cycles of one warp for any other instruction"),
    .init(
      "vector.interleavedInterval", \.vector.interleavedInterval, .positive,
      "cycles of one warp for an instruction interleaved with matrix instructions"),
    .init(
      "vector.matrixSlowdown", \.vector.matrixSlowdown, .positive,
      "factor on vector code while the matrix unit is busy"),

    .init("tensor.rate16", \.tensor.rate16, .positive, "16-bit flops in a cycle, synchronous instructions"),
    .init("tensor.rate8", \.tensor.rate8, .nonNegative, "8-bit flops in a cycle, synchronous instructions"),
    .init("tensor.rate16OneWarp", \.tensor.rate16OneWarp, .positive, "the same with one warp per sub-core"),
    .init(
      "tensor.issueShare", \.tensor.issueShare, .fraction,
      "share of the matrix time in which the issue port is held"),
    .init("tensor.latency", \.tensor.latency, .nonNegative, "issue to usable result"),

    .init("asyncTensor.rate16", \.asyncTensor, \.rate16, .positive, "16-bit flops in a cycle, asynchronous"),
    .init("asyncTensor.rate8", \.asyncTensor, \.rate8, .nonNegative, "8-bit flops in a cycle, asynchronous"),
    .init(
      "asyncTensor.completionLatency", \.asyncTensor, \.completionLatency, .nonNegative,
      "last matrix cycle to the issuer seeing completion"),
    .init(
      "asyncTensor.issueInterval", \.asyncTensor, \.issueInterval, .nonNegative,
      "cycles to issue one instruction"),
    .init(
      "asyncTensor.registerOperandLead", \.asyncTensor, \.registerOperandLead, .nonNegative,
      "matrix cycles left in the queue when an instruction with a register operand may issue"),
    .init(
      "asyncTensor.expSlowdown", \.asyncTensor, \.expSlowdown, .positive,
      "factor on the time of the exponential unit while the matrix unit is busy"),

    .init("shared.capacity", \.shared.capacity, .positive, "shared memory of a core"),
    .init("shared.perWorkItem", \.shared.perWorkItem, .positive, "shared memory one work item can have"),
    .init("shared.reservedPerWorkItem", \.shared.reservedPerWorkItem, .nonNegative, "kept by the system"),
    .init("shared.bandwidth", \.shared.bandwidth, .positive, "shared-memory bytes in a cycle"),
    .init("shared.latency", \.shared.latency, .nonNegative, "dependent shared-memory load"),

    .init("tensorMemory.columns", \.tensorMemory, \.columns, .positiveInteger, "columns of tensor memory"),
    .init("tensorMemory.lanes", \.tensorMemory, \.lanes, .positiveInteger, "lanes of tensor memory"),
    .init("tensorMemory.readBandwidth", \.tensorMemory, \.readBandwidth, .positive, "bytes read in a cycle"),
    .init(
      "tensorMemory.writeBandwidth", \.tensorMemory, \.writeBandwidth, .positive, "bytes written in a cycle"),
    .init("tensorMemory.latency", \.tensorMemory, \.latency, .nonNegative, "load to usable registers"),

    .init("copyEngine.latency", \.copyEngine, \.latency, .nonNegative, "added to the memory latency"),
    .init(
      "copyEngine.maximumMulticast", \.copyEngine, \.maximumMulticast, .positiveInteger,
      "cores one copy can reach"),

    .init("l2.capacity", \.l2.capacity, .positive, "the cache that all cores share"),
    .init(
      "l2.effectiveShare", \.l2.effectiveShare, .fraction, "share of it that keeps a stream all cores read"),
    .init("l2.bandwidth", \.l2.bandwidth, .positive, "bytes a second, all cores together"),
    .init(
      "l2.storeBandwidth", \.l2.storeBandwidth, .positive, "bytes a second at which stores of all cores drain"
    ),
    .init("l2.corePort", \.l2.corePort, .positive, "bytes a cycle into one core"),
    .init("l2.latencyNear", \.l2.latencyNear, .nonNegative, "hit in the near half"),
    .init("l2.latencyFar", \.l2.latencyFar, .nonNegative, "hit in the far half"),

    .init(
      "additions.throughput", \.additions, \.throughput, .positive,
      "bytes a second that all cores together add in the shared cache"),
    .init("additions.corePort", \.additions, \.corePort, .positive, "bytes a cycle that one core adds"),
    .init("additions.byteEnergy", \.additions, \.byteEnergy, .nonNegative, "energy of a byte added"),

    .init("dram.capacity", \.dram.capacity, .positive, "device memory"),
    .init("dram.bandwidth", \.dram.bandwidth, .positive, "quoted bytes a second"),
    .init("dram.efficiency", \.dram.efficiency, .fraction, "share of it that long streams reach"),
    .init("dram.latency", \.dram.latency, .nonNegative, "dependent load that misses every cache"),

    .init("sync.namedBarrier", \.sync.namedBarrier, .nonNegative, "last arrival to waiters running"),
    .init("sync.memoryBarrier", \.sync.memoryBarrier, .nonNegative, "phase complete to waiters running"),
    .init("sync.clusterBarrier", \.sync.clusterBarrier, .nonNegative, "barrier over a cluster"),
    .init("sync.atomic", \.sync.atomic, .nonNegative, "read-modify-write at the shared cache"),
    .init("sync.workItemLaunch", \.sync.workItemLaunch, .nonNegative, "free slot to first instruction"),
    .init("sync.workItemRate", \.sync.workItemRate, .positive, "work items the launcher starts in a cycle"),
    .init("sync.kernelLaunch", \.sync.kernelLaunch, .nonNegative, "host and front-end time of a kernel"),
    .init(
      "sync.kernelRamp", \.sync.kernelRamp, .nonNegative, "kernel start to first instruction, and the end"),

    .init("streaming.nodes", \.streaming, \.nodes, .positiveInteger, "places that can be nodes of a graph"),
    .init("streaming.bufferCapacity", \.streaming, \.bufferCapacity, .positive, "storage of all FIFOs"),
    .init(
      "streaming.interval", \.streaming, \.interval, .positiveInteger, "from one firing of a node to the next"
    ),
    .init("streaming.latency", \.streaming, \.latency, .wholeNumber, "inputs taken to outputs on their way"),
    .init(
      "streaming.exponentialLatency", \.streaming, \.exponentialLatency, .wholeNumber,
      "the same for a node that takes an exponential"),
    .init(
      "streaming.treeLevelLatency", \.streaming, \.treeLevelLatency, .wholeNumber,
      "each level of the adder tree of a dot product, on top of the latency"),
    .init(
      "streaming.channelLatency", \.streaming, \.channelLatency, .positiveInteger,
      "write to the element being visible, at least"),
    .init(
      "streaming.creditLatency", \.streaming, \.creditLatency, .wholeNumber,
      "element taken to its slot being free for the writer"),
    .init(
      "streaming.atomicBroadcast", \.streaming, \.atomicBroadcast, .flag,
      "1 where a node writes only when all its outputs have room, 0 where it writes to one after another"),

    .init("fpga.dsp", \.fpga, \.dsp, .positiveInteger, "multiplier slices"),
    .init("fpga.dspWidthA", \.fpga, \.dspWidthA, .positiveInteger, "bits of a slice's wider operand"),
    .init("fpga.dspWidthB", \.fpga, \.dspWidthB, .positiveInteger, "bits of a slice's narrower operand"),
    .init("fpga.bram", \.fpga, \.bram, .positiveInteger, "block RAMs of 36 Kib, 512 words of 72 bits"),
    .init("fpga.uram", \.fpga, \.uram, .wholeNumber, "UltraRAMs of 288 Kib, 4096 words of 72 bits"),
    .init("fpga.lut", \.fpga, \.lut, .positiveInteger, "look-up tables"),
    .init("fpga.flipFlops", \.fpga, \.flipFlops, .positiveInteger, "flip-flops"),
    .init("fpga.ddrBandwidth", \.fpga, \.ddrBandwidth, .nonNegative, "DDR bytes a second, all channels"),
    .init("fpga.hbmBandwidth", \.fpga, \.hbmBandwidth, .nonNegative, "HBM bytes a second, all channels"),

    .init("spatial.rows", \.spatial, \.rows, .positiveInteger, "elements of the 2-D array, down"),
    .init("spatial.columns", \.spatial, \.columns, .positiveInteger, "elements of the 2-D array, across"),
    .init("spatial.lanes", \.spatial, \.lanes, .positiveInteger, "elements of the 1-D array"),
    .init("spatial.bufferCapacity", \.spatial, \.bufferCapacity, .positive, "global buffer"),
    .init("spatial.dramBandwidth", \.spatial, \.dramBandwidth, .positive, "device memory, bytes a second"),
    .init(
      "spatial.exponentialCycles", \.spatial, \.exponentialCycles, .positiveInteger,
      "cycles of one exponential: 1 on a unit of its own, or its multiply-accumulates"),
    .init(
      "spatial.gridVector", \.spatial, \.gridVector, .flag,
      "1 where the 2-D array also takes maxima, exponentials and sums"),
    .init(
      "spatial.gridRegisters", \.spatial, \.gridRegisters, .positiveInteger,
      "values an element of the 2-D array keeps"),
    .init(
      "spatial.lineRegisters", \.spatial, \.lineRegisters, .positiveInteger,
      "values an element of the 1-D array keeps"),
    .init("spatial.macEnergy", \.spatial, \.macEnergy, .nonNegative, "one multiply-accumulate"),
    .init("spatial.addEnergy", \.spatial, \.addEnergy, .nonNegative, "one addition"),
    .init("spatial.maxEnergy", \.spatial, \.maxEnergy, .nonNegative, "one maximum"),
    .init(
      "spatial.exponentialEnergy", \.spatial, \.exponentialEnergy, .nonNegative,
      "one exponential on its own unit, or what it takes beside the multiply-accumulates it is made of"),
    .init("spatial.divideEnergy", \.spatial, \.divideEnergy, .nonNegative, "one division"),
    .init(
      "spatial.gridRegisterEnergy", \.spatial, \.gridRegisterEnergy, .nonNegative,
      "one register access in the 2-D array"),
    .init(
      "spatial.lineRegisterEnergy", \.spatial, \.lineRegisterEnergy, .nonNegative,
      "one register access in the 1-D array"),
    .init("spatial.bufferByte", \.spatial, \.bufferByte, .nonNegative, "one byte of the global buffer"),
    .init("spatial.dramByte", \.spatial, \.dramByte, .nonNegative, "one byte of device memory"),
    .init(
      "spatial.areaSquareMillimetres", \.spatial, \.areaSquareMillimetres, .nonNegative,
      "area in square millimetres; 0 where none is published"),
  ]
}
