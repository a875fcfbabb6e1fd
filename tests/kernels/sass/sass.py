"""Reads what nvdisasm prints of one cubin: kernels, instructions, loops.

A loop is a natural loop of the control-flow graph (Aho et al., Compilers, 9.6): the blocks from which
an edge back to a block that dominates its source can be reached. Its instructions are those of
its blocks between the head and the last edge back: what ptxas puts behind the code, such as the slow
path of a wait, is left out.
"""

import re
import subprocess
from typing import NamedTuple

INSTRUCTION = re.compile(r"^\s+/\*([0-9a-f]{4,})\*/\s+(?:(@!?U?P\w+)\s+)?([A-Z]\w*(?:\.\w+)*)\.?(.*?);")
LABEL = re.compile(r"^(\.L_\w+):")
TARGET = re.compile(r"`\((\.L_\w+)\)")
ENDS_OF_BLOCKS = ("BRA", "JMP", "BRX", "JMX", "EXIT", "RET", "CALL")
# Taken by some warps only, whatever their operands.
CONDITIONAL = ("BRA.DIV", "BRA.CONV", "BRA.U", "CALL")


class Instruction(NamedTuple):
    address: int
    predicate: str
    opcode: str  # with its modifiers: "HMMA.16816.F32"
    operands: str

    @property
    def family(self):
        return self.opcode.split(".")[0]

    @property
    def ends_block(self):
        return self.family in ENDS_OF_BLOCKS

    @property
    def falls_through(self):
        """May the next instruction follow?"""
        conditional = self.predicate or "P" in self.operands.split("`")[0]
        return not self.ends_block or bool(conditional) or self.opcode.startswith(CONDITIONAL)


class Loop(NamedTuple):
    head: int
    end: int
    instructions: list


class Kernel(NamedTuple):
    name: str
    instructions: list
    loops: list  # inner ones before those around them


def short_name(demangled):
    """gemm_tensor_kernel<Bf16, LargeTile<2>>: without namespaces, arguments and casts of enumerators."""
    name = demangled.replace("(anonymous namespace)::", "").removeprefix("void ")
    name = re.sub(r"\b(\w+::)+", "", name)
    name = re.sub(r"\([A-Z]\w*\)", "", name)
    depth = 0
    for i, character in enumerate(name):
        depth += (character == "<") - (character == ">")
        if character == "(" and depth == 0:
            name = name[:i]
            break
    return name.replace("> >", ">>").replace("> >", ">>")


def blocks_of(instructions, labels):
    """[(first, last)] and for each block its successors."""
    addresses = {instruction.address: i for i, instruction in enumerate(instructions)}
    starts = {0} | {addresses[address] for address in labels.values() if address in addresses}
    for i, instruction in enumerate(instructions):
        if instruction.ends_block and i + 1 < len(instructions):
            starts.add(i + 1)
    firsts = sorted(starts)
    blocks = [(first, (firsts + [len(instructions)])[i + 1] - 1) for i, first in enumerate(firsts)]
    block_at = {first: i for i, (first, _) in enumerate(blocks)}
    successors = []
    for i, (_, last) in enumerate(blocks):
        instruction = instructions[last]
        after = set()
        if instruction.falls_through and i + 1 < len(blocks):
            after.add(i + 1)
        target = TARGET.search(instruction.operands)
        if instruction.ends_block and target and target[1] in labels:
            after.add(block_at[addresses[labels[target[1]]]])
        successors.append(after)
    return blocks, successors


def dominators(successors):
    """For each block the set of blocks that dominate it; blocks that nothing enters are roots."""
    count = len(successors)
    predecessors = [set() for _ in range(count)]
    for block, after in enumerate(successors):
        for each in after:
            predecessors[each].add(block)
    every = set(range(count))
    found = [every if predecessors[block] and block else {block} for block in range(count)]
    changed = True
    while changed:
        changed = False
        for block in range(1, count):
            if predecessors[block]:
                new = set.intersection(*(found[each] for each in predecessors[block])) | {block}
                if new != found[block]:
                    found[block], changed = new, True
    return found, predecessors


def loops_of(instructions, labels):
    blocks, successors = blocks_of(instructions, labels)
    dominating, predecessors = dominators(successors)
    bodies = {}
    for block, after in enumerate(successors):
        for head in after & dominating[block]:
            body, ends, waiting = bodies.setdefault(head, ({head}, [], []))
            ends.append(blocks[block][1])
            waiting.append(block)
            while waiting:
                each = waiting.pop()
                if each not in body:
                    body.add(each)
                    waiting.extend(predecessors[each])
    loops = []
    for head, (body, ends, _) in bodies.items():
        inside = [
            instruction
            for block in sorted(body)
            if blocks[head][0] <= blocks[block][0] and blocks[block][1] <= max(ends)
            for instruction in instructions[blocks[block][0] : blocks[block][1] + 1]
        ]
        loops.append(Loop(inside[0].address, instructions[max(ends)].address, inside))
    return sorted(loops, key=lambda loop: len(loop.instructions))


def read_kernels(text):
    """The kernels in the output of `nvdisasm -c`."""
    kernels, name, instructions, labels, pending = [], None, [], {}, []

    def finish():
        if name is not None:
            kernels.append(Kernel(name, instructions, loops_of(instructions, labels)))

    for line in text.splitlines():
        if line.startswith("//-") and ".text." in line:
            finish()
            name, instructions, labels, pending = line.split(".text.")[1].split()[0], [], {}, []
        elif name is not None and (label := LABEL.match(line)):
            pending.append(label[1])
        elif name is not None and (found := INSTRUCTION.match(line)):
            address = int(found[1], 16)
            labels.update((label, address) for label in pending)
            pending = []
            instructions.append(Instruction(address, found[2] or "", found[3], found[4]))
    finish()
    return kernels


def disassemble(nvdisasm, cubin):
    """The kernels of a cubin, by their short names."""
    # Dataflow analysis would name the targets of indirect branches, for twice the time.
    text = subprocess.run([nvdisasm, "-c", "-ndf", cubin], check=True, capture_output=True, text=True).stdout
    kernels = read_kernels(text)
    names = subprocess.run(
        ["c++filt"], input="\n".join(each.name for each in kernels), check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {short_name(name): kernel for name, kernel in zip(names, kernels)}
