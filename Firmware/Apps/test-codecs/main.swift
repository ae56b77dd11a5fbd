// Runs the workout of the codecs on the board and prints "1 passed, 0 failed" if it comes to the same sum as on the computer.
import CodecWorkout
import InstructionCounter
import Startup

func runWorkout() -> Bool {
    var workout = CodecWorkout()
    workout.run(rounds: 200)
    return workout.sum == CodecWorkout.expected
}

stack_meter_paint()
let passed = runWorkout()
host_print("stack used: ")
host_print_number(stack_meter_used())
host_print(" bytes\n")
if passed {
    host_print("1 passed, 0 failed\n")
} else {
    host_print("0 passed, 1 failed\n")
}
startup_semihosting_exit(passed ? 0 : 1)
