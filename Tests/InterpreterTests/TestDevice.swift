import HWModels

extension Device {
  /// An invented machine with every part, on which every kernel fits: verification asks what is computed, never how long it takes.
  static let roomy: Device = {
    var device = Device(id: "roomy", name: "Roomy", kind: .gpu)
    device.cores.count = Count(4)
    device.cores.subCores = Count(4)
    device.cores.clusterMaximum = Count(16)
    device.cores.lanes = Count(32)
    device.cores.registerFile = Bytes(4_194_304)
    device.cores.registersPerThreadMaximum = Count(1024)
    device.cores.threadsMaximum = Count(4096)
    device.cores.workItemsMaximum = Count(32)
    device.shared.capacity = Bytes(4_194_304)
    device.shared.perWorkItem = Bytes(4_194_304)
    device.asyncTensor = Device.AsyncTensorUnit()
    for word in DeviceWord.fields {
      device.words[word.path] = DeviceWord(
        word.path == "asyncTensor.family" ? "wgmma" : word.example,
        provenance: Provenance(kind: .assumed, source: "invented"))
    }
    device.copyEngine = Device.CopyEngine()
    device.tensorMemory = Device.TensorMemory()
    device.tensorMemory?.columns = Count(512)
    device.streaming = Device.Streaming()
    // Room for two copies of the largest graph: heads are dealt to several.
    device.streaming?.nodes = Count(24)
    device.streaming?.bufferCapacity = Bytes(1e9)
    device.spatial = Device.Spatial()
    device.spatial?.rows = Count(48)
    device.spatial?.columns = Count(16)
    device.spatial?.lanes = Count(16)
    device.spatial?.bufferCapacity = Bytes(1_048_576)
    device.spatial?.dramBandwidth = BytesPerSecond(1e9)
    device.spatial?.exponentialCycles = Cycles(6)
    device.spatial?.gridVector = Count(1)
    device.clock.maximum = Frequency(1e9)
    // Multipliers and memories of any number.
    device.clock.nominal = Frequency(2e8)
    device.fpga = Device.FPGA()
    device.fpga?.dsp = Count(1e9)
    device.fpga?.dspWidthA = Count(27)
    device.fpga?.dspWidthB = Count(18)
    device.fpga?.bram = Count(1e9)
    device.fpga?.hbmBandwidth = BytesPerSecond(1e12)
    return device
  }()
}
