import Attention
import HWModels
package import Programs

/// A program and inputs, ready to run in many orders.
package final class Trial {
  let program: Program
  package let reference: Reference
  let kernels: [CompiledKernel]
  let table: ValueTable
  private let inputs: [Tensor: [Int32]]
  let inputNames: [Int32: String]
  /// Errors of one head's output, by value.
  private var errors: [Judged: OutputError] = [:]

  private struct Judged: Hashable {
    var tensor: Tensor
    var head: Int
    var value: Int32
  }

  /// How a run ended.
  package struct Outcome {
    package var fault: ExecutionFault?
    package var errors: [(tensor: Tensor, error: OutputError)] = []
    /// Names of all outputs: equal lists, equal numbers.
    var values: [Int32] = []
    package var choices: [Int32] = []
    package var isRight = false
  }

  package init(program: Program, reference: Reference) {
    self.program = program
    self.reference = reference
    kernels = program.kernels.map { CompiledKernel($0) }
    table = ValueTable(shape: program.shape)
    var inputs: [Tensor: [Int32]] = [:]
    var names: [Int32: String] = [:]
    let data = reference.data
    var sources: [(Tensor, [Tile])] = [(.q, data.q), (.k, data.k), (.v, data.v)]
    if program.shape.pass == .backward {
      sources += [
        (.gradO, data.gradO), (.o, reference.forward.o), (.logSumExp, reference.forward.logSumExp),
      ]
    }
    for (tensor, tiles) in sources {
      inputs[tensor] = tiles.map { [table] in table.add(input: $0) }
      for (head, value) in (inputs[tensor] ?? []).enumerated() {
        names[value] = "\(tensor.rawValue) of head \(head)"
      }
    }
    self.inputs = inputs
    inputNames = names
  }

  /// Runs in one order and judges the outputs.
  func run(_ order: Order, recorder: Recorder? = nil) -> Outcome {
    execute(order, recorder: recorder).outcome
  }

  /// Runs in one order; also counts what executed.
  package func counted(
    _ order: Order
  ) -> (outcome: Outcome, executed: [[OperationName: Int]]) {
    let (outcome, machine) = execute(order, recorder: nil)
    let counts = kernels.indices.map { index in
      var counts: [OperationName: Int] = [:]
      for (operation, executed) in zip(kernels[index].operations, machine.executed[index]) where executed > 0
      {
        let name = OperationName(
          actor: kernels[index].kernel.actors[operation.actor].name, operation: operation.name)
        counts[name, default: 0] += executed
      }
      return counts
    }
    return (outcome, counts)
  }

  private func execute(_ order: Order, recorder: Recorder?) -> (outcome: Outcome, machine: Machine) {
    let machine = Machine(program: program, kernels: kernels, table: table, inputs: inputs)
    machine.recorder = recorder
    var outcome = Outcome()
    do {
      try machine.run(order)
      judge(machine, &outcome)
    } catch {
      outcome.fault = error
    }
    outcome.choices = machine.choices
    return (outcome, machine)
  }

  private func judge(_ machine: Machine, _ outcome: inout Outcome) {
    let shape = program.shape
    outcome.isRight = true
    for tensor in Self.outputs(shape.pass) {
      // The log-sum-exp is optional: inference kernels leave it out.
      if tensor == .logSumExp, !machine.memory.isWritten(tensor) { continue }
      var total = OutputError()
      let heads = shape.batch * (tensor.isPerKeyValueHead ? shape.headsKV : shape.headsQ)
      for head in 0..<heads {
        let value = machine.result(tensor, head: head)
        outcome.values.append(value)
        total.add(error(tensor, head: head, value: value))
      }
      outcome.errors.append((tensor, total))
      let tolerance = reference.tolerance(tensor)
      if !(total.maximum <= tolerance.maximum && total.mean <= tolerance.mean) { outcome.isRight = false }
    }
  }

  private func error(_ tensor: Tensor, head: Int, value: Int32) -> OutputError {
    let key = Judged(tensor: tensor, head: head, value: value)
    if let known = errors[key] { return known }
    var error = OutputError()
    if let numbers = reference.outputs[tensor]?[head] { error.add(table[value], against: numbers) }
    errors[key] = error
    return error
  }

  static func outputs(_ pass: AttentionShape.Pass) -> [Tensor] {
    switch pass {
    case .forward: [.o, .logSumExp]
    case .backward: [.gradQ, .gradK, .gradV]
    }
  }
}
