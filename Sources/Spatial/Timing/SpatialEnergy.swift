import HWModels
import Programs
import Results

/// Energy by level and by kind of operation.
struct SpatialEnergy {
  let amounts: [SpatialResult.Amount]

  init(_ program: SpatialProgram, _ machine: Device.Spatial) {
    var (mac, add, max, exponential, divide) = (0.0, 0.0, 0.0, 0.0, 0.0)
    var (registers, polynomials) = (0.0, 0.0)
    for einsum in program.einsums {
      let operations = einsum.operations
      mac += operations.mac
      add += operations.add
      max += operations.max
      exponential += operations.exponential
      polynomials += operations.polynomials
      divide += operations.divide
      // Two operands and a result, and the value that an accumulation adds to.
      let accesses = 4 * operations.mac + 3 * (operations.count - operations.mac)
      let isGrid = einsum.place == .grid
      let counted =
        isGrid && program.accounting == .published
        ? accesses / (machine.rows.value * machine.columns.value) : accesses
      registers += counted * (isGrid ? machine.gridRegisterEnergy.value : machine.lineRegisterEnergy.value)
    }
    if program.accounting == .published, program.publishedOmitsExponentials { exponential = 0 }
    let dram = program.sections.reduce(0) { $0 + $1.bytes }
    amounts = [
      ("dram", dram * machine.dramByte.value), ("buffer", program.bufferBytes * machine.bufferByte.value),
      ("registers", registers), ("multiply-accumulate", mac * machine.macEnergy.value),
      ("add", add * machine.addEnergy.value), ("max", max * machine.maxEnergy.value),
      ("exponential", (exponential + polynomials) * machine.exponentialEnergy.value),
      ("divide", divide * machine.divideEnergy.value),
    ].map { .init(name: $0.0, value: $0.1) }
  }
}
