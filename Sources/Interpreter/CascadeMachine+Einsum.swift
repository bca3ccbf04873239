import Programs

/// One einsum: its accesses as strides, its expression as a tree over them, its space as nested loops.
extension CascadeMachine {
  /// An access with its place in memory: base plus position times stride for each running rank.
  private struct Load {
    var tensor: Int
    var base: Int
    var strides: [Int]
  }

  /// The expression with accesses replaced by numbers of loads.
  private indirect enum Code {
    case load(Int)
    case constant(Double)
    case apply(CascadeOperator, Code, Code?)
  }

  mutating func compute(_ index: Int, at step: (rank: Int, position: Int)?) {
    let einsum = cascade.einsums[index]
    let reduced = einsum.reductions.flatMap(\.ranks)
    let kept = einsum.target.running.filter { $0 != step?.rank }
    let space = kept + reduced.filter { $0 != step?.rank }
    var loads: [Load] = []
    let code = compile(einsum.expression, space, step, &loads)
    let store = load(einsum.target, space, step)
    let reduction = einsum.reductions.first?.operation
    let target = einsum.target.tensor
    var result = numbers[target]
    // Where it is there, no product runs as one loop, and positions are those of the whole space.
    let ragged = raggedParts(space, step)
    // The innermost reduced rank of a sum of products of two tensors runs as one loop.
    let product: (Int, Int)? =
      if case .apply(.times, .load(let a), .load(let b)?) = code, reduction == .plus, reduced.count == 1,
        ragged == nil
      {
        (a, b)
      } else {
        nil
      }
    let outer = product == nil ? space : kept
    var positions = [Int](repeating: 0, count: outer.count)
    let limits = outer.map { live[$0] }
    guard limits.allSatisfy({ $0 > 0 }) else { return }
    let isReduced = !reduced.isEmpty && product == nil
    if isReduced, let reduction { fill(&result, store, kept, reduction.identity ?? 0) }
    while true {
      if ragged == nil || ragged?.isLive(positions) == true {
        var place = store.base
        for rank in outer.indices { place += positions[rank] * store.strides[rank] }
        if let product, let rank = reduced.first {
          result[place] = dot(loads[product.0], loads[product.1], positions, length: live[rank])
        } else {
          let value = evaluate(code, loads, positions)
          if isReduced, let reduction {
            result[place] = Self.apply(reduction, result[place], value)
          } else {
            result[place] = value
          }
        }
      }
      var rank = outer.count - 1
      while rank >= 0 {
        positions[rank] += 1
        if positions[rank] < limits[rank] { break }
        positions[rank] = 0
        rank -= 1
      }
      if rank < 0 { break }
    }
    numbers[target] = result
  }

  /// Puts the value that changes nothing wherever an einsum stores.
  private func fill(_ result: inout [Double], _ store: Load, _ kept: [Int], _ value: Double) {
    var places = [store.base]
    for (rank, name) in kept.enumerated() {
      places = places.flatMap { place in (0..<live[name]).map { place + $0 * store.strides[rank] } }
    }
    for place in places { result[place] = value }
  }

  /// A split rank of which both parts are in the space (or the step) and not every position is live.
  private func raggedParts(_ space: [Int], _ step: (rank: Int, position: Int)?) -> Ragged? {
    for rank in cascade.ranks.indices {
      guard let parts = cascade.ranks[rank].parts, live[rank] < cascade.ranks[rank].shape else { continue }
      let there = space + (step.map { [$0.rank] } ?? [])
      guard there.contains(parts.outer), there.contains(parts.inner) else { continue }
      var ragged = Ragged(limit: live[rank])
      for (part, stride) in [(parts.outer, cascade.ranks[parts.inner].shape), (parts.inner, 1)] {
        if let step, part == step.rank {
          ragged.base += step.position * stride
        } else if let place = space.firstIndex(of: part) {
          ragged.places.append((place, stride))
        }
      }
      return ragged
    }
    return nil
  }

  /// A split rank whose last tile is not whole: its position is `base` plus that of each part times its stride.
  private struct Ragged {
    var limit: Int
    var base = 0
    var places: [(place: Int, stride: Int)] = []

    func isLive(_ positions: [Int]) -> Bool {
      var position = base
      for part in places { position += positions[part.place] * part.stride }
      return position < limit
    }
  }

  private func compile(
    _ expression: Cascade.Expression, _ space: [Int], _ step: (rank: Int, position: Int)?,
    _ loads: inout [Load]
  ) -> Code {
    switch expression {
    case .constant(let value): return .constant(value)
    case .access(let access):
      loads.append(load(access, space, step))
      return .load(loads.count - 1)
    case .apply(let operation, let operands):
      let first = compile(operands[0], space, step, &loads)
      return .apply(operation, first, operands.count > 1 ? compile(operands[1], space, step, &loads) : nil)
    }
  }

  /// Where an access lies, views looked through.
  private func load(
    _ access: Cascade.Access, _ space: [Int], _ step: (rank: Int, position: Int)?
  ) -> Load {
    var load = Load(tensor: access.tensor, base: 0, strides: [Int](repeating: 0, count: space.count))
    func add(_ rank: Int, _ stride: Int) {
      if rank == step?.rank {
        load.base += (step?.position ?? 0) * stride
      } else if let place = space.firstIndex(of: rank) {
        load.strides[place] += stride
      }
    }
    if cascade.tensors[access.tensor].role == .view,
      let view = cascade.views.first(where: { $0.target.tensor == access.tensor })
    {
      // A view's own ranks stand for the indices it is read with.
      let names = Dictionary(
        zip(cascade.tensors[access.tensor].ranks, access.running), uniquingKeysWith: { first, _ in first })
      load.tensor = view.origin.tensor
      for (place, index) in view.origin.indices.enumerated() {
        let stride = strides[view.origin.tensor][place]
        switch index {
        case .running(let rank, _): add(names[rank] ?? rank, stride)
        case .joined(let rank):
          guard let parts = cascade.ranks[rank].parts else { continue }
          add(names[parts.outer] ?? parts.outer, stride * cascade.ranks[parts.inner].shape)
          add(names[parts.inner] ?? parts.inner, stride)
        case .last: continue
        }
      }
      return load
    }
    for (place, index) in access.indices.enumerated() {
      let stride = strides[access.tensor][place]
      switch index {
      case .running(let rank, let offset):
        add(rank, stride)
        load.base += offset * stride
      case .last(let rank): load.base += cascade.ranks[rank].shape * stride
      case .joined: continue
      }
    }
    return load
  }

  private func evaluate(_ code: Code, _ loads: [Load], _ positions: [Int]) -> Double {
    switch code {
    case .constant(let value): return value
    case .load(let number):
      var place = loads[number].base
      var rank = 0
      while rank < positions.count {
        place += positions[rank] * loads[number].strides[rank]
        rank &+= 1
      }
      return numbers[loads[number].tensor][place]
    case .apply(let operation, let first, let second):
      let a = evaluate(first, loads, positions)
      guard let second else { return Self.apply(operation, a, 0) }
      return Self.apply(operation, a, evaluate(second, loads, positions))
    }
  }

  private func dot(_ a: Load, _ b: Load, _ positions: [Int], length: Int) -> Double {
    var (placeA, placeB) = (a.base, b.base)
    for rank in positions.indices {
      placeA += positions[rank] * a.strides[rank]
      placeB += positions[rank] * b.strides[rank]
    }
    let (stepA, stepB) = (a.strides[positions.count], b.strides[positions.count])
    return numbers[a.tensor].withUnsafeBufferPointer { x in
      numbers[b.tensor].withUnsafeBufferPointer { y in
        var sum = 0.0
        var position = 0
        while position < length {
          // Zero times a value that is not finite would spoil a row that does not see it.
          let weight = x[placeA]
          if weight != 0 { sum += weight * y[placeB] }
          placeA &+= stepA
          placeB &+= stepB
          position &+= 1
        }
        return sum
      }
    }
  }

  /// Minus infinity less itself weighs nothing: the maximum of a row that has seen no key.
  static func apply(_ operation: CascadeOperator, _ a: Double, _ b: Double) -> Double {
    switch operation {
    case .plus: a + b
    case .minus: a == -.infinity && b == -.infinity ? -.infinity : a - b
    case .times: a == 0 || b == 0 ? 0 : a * b
    case .divide: a == 0 && b == 0 ? 0 : a / b
    case .max: Swift.max(a, b)
    case .min: Swift.min(a, b)
    case .exp: Exponential.exp(a)
    case .exp2: Exponential.exp(a * 0.693_147_180_559_945_3)
    case .log: .nan
    case .sqrt: a.squareRoot()
    case .rsqrt: 1 / a.squareRoot()
    case .reciprocal: 1 / a
    case .negate: -a
    case .abs: a.magnitude
    case .sigmoid: 1 / (1 + Exponential.exp(-a))
    case .tanh: 1 - 2 / (1 + Exponential.exp(2 * a))
    case .relu: Swift.max(a, 0)
    case .silu: a / (1 + Exponential.exp(-a))
    case .softplus, .cos, .sin: .nan
    }
  }
}
