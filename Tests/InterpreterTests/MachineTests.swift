import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
import Testing

@testable import Interpreter

@Suite("The machine keeps to the program")
struct MachineTests {
  @Test(
    "What executes is what the trip counts say, in any order", arguments: ScheduleRegistry.standard.names
  )
  func sameMultiset(name: String) throws {
    let schedule = try #require(ScheduleRegistry.standard[name]).init(parameters: ScheduleParameters())
    for mask in [Verification.MaskFamily.none, .causal, .slidingWindow] {
      for pass in AttentionShape.Pass.allCases {
        for shape in Verification.shapes(mask, pass: pass, seed: 17).prefix(5) {
          guard let program = try? schedule.program(for: shape, on: .roomy) else { continue }
          let reference = ScheduleTests.references.reference(for: shape, kind: .normal, seed: 17)
          let trial = Trial(program: program, reference: reference)
          for order in [Order(.earliest, slots: 3), .random(seed: 4, number: 1)] {
            let counted = trial.counted(order)
            #expect(counted.executed == program.kernels.map { $0.operationCounts() })
          }
        }
      }
    }
  }

  @Test("The same seed gives the same run; a replayed run takes the same steps")
  func replay() throws {
    let shape = try SabotageTests.shape(.causal)
    let reference = Reference(AttentionData(shape: shape, kind: .normal, seed: 1))
    let trial = Trial(program: try FlashProgram(shape: shape).program(), reference: reference)
    for number in 0..<8 {
      let order = Order.random(seed: 9, number: number)
      let (first, second) = (trial.run(order), trial.run(order))
      #expect(first.choices == second.choices)
      #expect(trial.run(Order(.listed(first.choices), slots: order.slots)).choices == first.choices)
    }
  }

  @Test("Atomic additions arrive in different orders and give different bits, all right")
  func atomics() throws {
    let shape = try SabotageTests.shape(.none, .backward, headsKV: 1)
    let result = Verification.check(try BackwardProgram(shape: shape).program(), orders: 20, seed: 2)
    #expect(result.failure == nil, "\(result.lines.joined(separator: "\n"))")
    #expect(result.distinctResults > 10)
  }

  @Test("Without atomics every order gives the same bits")
  func deterministic() throws {
    let result = Verification.check(
      try FlashProgram(shape: try SabotageTests.shape()).program(), orders: 20, seed: 2)
    #expect(result.distinctResults == 1)
  }

  @Test("A program that waits for itself is a deadlock, by name")
  func deadlock() throws {
    var flash = try FlashProgram(shape: try SabotageTests.shape()).program()
    for barrier in flash.kernels[0].barriers.indices
    where flash.kernels[0].barriers[barrier].name == "V empty" {
      flash.launches[0].kernel.barriers[barrier].initialPhases = 0
    }
    let result = Verification.check(flash, orders: 3)
    let message = try #require(result.failure?.message)
    #expect(message.hasPrefix("deadlock in flash: producer in 'load V' waits for V empty"))
  }

  @Test("An operation with work and no reading is named")
  func unread() throws {
    var flash = try FlashProgram(shape: try SabotageTests.shape()).program()
    flash.launches[0].kernel.actors[0].blocks[1].operations[0].action = .none
    flash.launches[0].kernel.actors[0].blocks[1].operations[0].work.globalRead = 512
    #expect(flash.operationsWithoutReading() == ["flash, producer: load K"])
    #expect(Verification.check(flash).failure?.message == "no numerical reading: flash, producer: load K")
  }

  @Test("A fast consumer that gives back two slots does not stand in for a slow one")
  func arrivalsByActor() throws {
    // Two consumers, one slot: the producer overwrites what the slow one has yet to read if arrivals only add up.
    var builder = KernelBuilder(schedule: "test", kernel: "test")
    let ring = builder.ring("T", rows: 1, columns: 1, type: .fp32, slots: 2, consumers: 2)
    let steps = 4
    builder.actor(
      "producer", warps: 1,
      blocks: [
        Block(
          trips: .fixed(steps), stepsPerTrip: 1,
          operations: [
            Operation(
              "fill", .vector, waits: [ring.empty], signals: [ring.full],
              action: .fill(TileRef(ring.buffer, .step(offset: 0)), 1))
          ])
      ])
    for consumer in 0..<2 {
      let copy = TileRef(builder.buffer("copy \(consumer)", .registers, rows: 1, columns: 1, type: .fp32))
      builder.actor(
        "consumer \(consumer)", warps: 1,
        blocks: [
          Block(
            trips: .fixed(steps), stepsPerTrip: 1,
            operations: [
              Operation(
                "read", .vector, waits: [ring.full], signals: [ring.empty],
                action: .convert(TileRef(ring.buffer, .step(offset: 0)), into: copy))
            ])
        ])
    }
    let kernel = try builder.build(
      items: ItemSpace(
        classes: [ItemClass(walk: .ascending(0..<0))], groups: [.init(count: 1, tileClasses: [0])]
      ),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 96, registersPerThread: 16, sharedBytes: 64), on: .roomy)
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 1, headDim: 1)
    let program = Program(schedule: "test", shape: shape, kernels: [kernel])
    let table = ValueTable(shape: shape)
    for number in 0..<40 {
      let machine = Machine(program: program, kernels: [CompiledKernel(kernel)], table: table, inputs: [:])
      let recorder = Recorder()
      machine.recorder = recorder
      try machine.run(.random(seed: 1, number: number))
      for read in recorder.entries.flatMap(\.reads) { #expect(table[read.value][0, 0] == 1) }
    }
  }

  @Test("The report renders as text and JSON")
  func report() throws {
    let schedule = try #require(ScheduleRegistry.standard.all.first).init(parameters: ScheduleParameters())
    let shapes = [
      try AttentionShape(batch: 1, headsQ: 1, seqQ: 20, headDim: 16),
      try AttentionShape(batch: 1, headsQ: 1, seqQ: 20, headDim: 2048),
    ]
    let report = Verification.run(schedule: schedule, device: .roomy, shapes: shapes, orders: 2)
    #expect(report.passed)
    #expect(report.description.hasPrefix("fa2 on roomy: 1 shapes, 2 random orders each, seed 1: all right"))
    #expect(report.description.contains("skipped b1 h1 q20 kv20 d2048"))
    #expect(
      report.json.hasPrefix(
        #"{"schedule":"fa2","device":"roomy","seed":1,"orders":2,"passed":true,"cases":[{"#))
  }
}
