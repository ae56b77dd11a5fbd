// The workout on this computer: its sum is the one that the boards have to reach (Firmware/Apps/test-codecs).
import CodecWorkout
import Testing

@Test("The workout of the codecs comes to the sum that the boards are held to, and accepts and refuses enough of everything")
func workout() {
    var workout = CodecWorkout()
    workout.run(rounds: 200)
    #expect(workout.sum == CodecWorkout.expected)
    for index in 0..<5 { #expect(workout.accepted[index] > 200 && workout.accepted[index] < 1800) }
}

@Test("A message more or less changes the sum")
func sensitivity() {
    var workout = CodecWorkout()
    workout.run(rounds: 199)
    #expect(workout.sum != CodecWorkout.expected)
}
