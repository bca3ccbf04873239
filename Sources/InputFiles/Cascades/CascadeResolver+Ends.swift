import Programs

/// First values, outputs and cycles: what the whole cascade has to be right in.
extension CascadeResolver {
  mutating func initial(_ initial: CascadeSyntax.Initial) -> Cascade.Initial? {
    guard let number = tensor(initial.target.tensor), hasAll(initial.target, tensors[number].ranks) else {
      return nil
    }
    let tensor = tensors[number]
    guard let iterated = tensor.iterated else {
      report(initial.target.tensor, "\(tensor.name) is not iterated and takes no first value")
      return nil
    }
    for (index, rank) in zip(initial.target.indices, tensor.ranks) {
      switch index {
      case .first where rank == iterated: continue
      case .running(let name, 0) where rank != iterated && name.text == ranks[rank].index: continue
      default:
        report(index.place, "\(rank == iterated ? "0" : ranks[rank].index) is due here")
        return nil
      }
    }
    return .init(tensor: number, value: initial.value, line: initial.target.tensor.line)
  }

  mutating func checkInitials(_ initials: [Cascade.Initial]) {
    var seen: Set<Int> = []
    for (written, initial) in zip(syntax.initials, initials) where syntax.initials.count == initials.count {
      if !seen.insert(initial.tensor).inserted {
        report(written.target.tensor, "\(written.target.tensor.text) has a first value already")
      }
    }
    guard syntax.initials.count == initials.count else { return }
    for einsum in syntax.einsums {
      guard let number = tensorNumbers[einsum.target.tensor.text], number >= 0,
        let rank = tensors[number].iterated,
        !seen.contains(number)
      else { continue }
      let indices = tensors[number].ranks.map { $0 == rank ? "0" : ranks[$0].index }.joined(separator: ", ")
      report(
        einsum.target.tensor, "\(einsum.target.tensor.text) is iterated and has no first value",
        hint: "say: init \(einsum.target.tensor.text)[\(indices)] = 0")
    }
  }

  mutating func setOutputs() {
    var read: Set<String> = []
    func visit(_ expression: CascadeSyntax.Expression) {
      switch expression {
      case .access(let access): read.insert(access.tensor.text)
      case .constant: break
      case .apply(_, let operands): for operand in operands { visit(operand) }
      }
    }
    for einsum in syntax.einsums { visit(einsum.expression) }
    for view in syntax.views { read.insert(view.origin.tensor.text) }
    for output in syntax.outputs {
      guard let number = tensor(output.tensor) else { continue }
      let ranks = ranks(of: output)
      if tensors[number].role == .input || tensors[number].role == .view {
        report(output.tensor, "\(output.tensor.text) is not computed")
      } else if ranks.count == output.ranks.count, !ranks.isEmpty, ranks != tensors[number].ranks {
        let names = tensors[number].ranks.map { self.ranks[$0].name }.joined(separator: ", ")
        report(
          output.tensor, "\(output.tensor.text) has other ranks", hint: "\(output.tensor.text)[\(names)]")
      }
      tensors[number].role = .output
    }
    guard isWhole else { return }
    for place in syntax.inputs.map(\.tensor) + syntax.views.map(\.target.tensor)
    where !read.contains(place.text) {
      report(place, "\(place.text) is never read")
    }
    for einsum in syntax.einsums where !read.contains(einsum.target.tensor.text) {
      guard let number = tensorNumbers[einsum.target.tensor.text], number >= 0 else { continue }
      if syntax.outputs.isEmpty {
        tensors[number].role = .output
      } else if tensors[number].role == .intermediate {
        report(
          einsum.target.tensor, "\(einsum.target.tensor.text) is computed and never read",
          hint: "say: output \(einsum.target.tensor.text)")
      }
    }
  }
}
