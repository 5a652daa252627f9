#include "textflag.h"

// The registers of a block of 64 bytes, one bit for each byte:
//
//	AX  quotes, then those that no backslash escapes
//	R11 backslashes
//	R12 opening brackets, then those outside strings
//	R13 closing brackets, then those outside strings
//	BX  bytes within strings
//
// And between blocks:
//
//	SI  the text      CX  its length     DX  where the block starts
//	R8  depth         R9  all ones within a string, else 0
//	R10 1 where the block's first byte is escaped, else 0

DATA fill<>+0x00(SB)/8, $0x2222222222222222 // "
DATA fill<>+0x08(SB)/8, $0x5c5c5c5c5c5c5c5c // \
DATA fill<>+0x10(SB)/8, $0x7b7b7b7b7b7b7b7b // {
DATA fill<>+0x18(SB)/8, $0x7d7d7d7d7d7d7d7d // }
DATA fill<>+0x20(SB)/8, $0x2020202020202020 // [ and { differ in this bit alone, so do ] and }
GLOBL fill<>(SB), RODATA|NOPTR, $40

// BITS puts into R the mask of the bytes of Y5 and Y6 that equal those of Y.
#define BITS(Y, R) \
	VPCMPEQB  Y, Y5, Y7; \
	VPCMPEQB  Y, Y6, Y8; \
	VPMOVMSKB Y7, R;     \
	VPMOVMSKB Y8, DI;    \
	SHLQ      $32, DI;   \
	ORQ       DI, R

// func nestedEnd(text *byte, n int) int
TEXT ·nestedEnd(SB), NOSPLIT, $0-24
	MOVQ         text+0(FP), SI
	MOVQ         n+8(FP), CX
	XORL         DX, DX
	XORL         R8, R8
	XORL         R9, R9
	XORL         R10, R10
	VPBROADCASTQ fill<>+0x00(SB), Y0
	VPBROADCASTQ fill<>+0x08(SB), Y1
	VPBROADCASTQ fill<>+0x10(SB), Y2
	VPBROADCASTQ fill<>+0x18(SB), Y3
	VPBROADCASTQ fill<>+0x20(SB), Y4
	VPCMPEQB     X10, X10, X10

block:
	LEAQ    64(DX), AX
	CMPQ    AX, CX
	JGT     none
	CMPQ    R8, $448          // maxDepth could be passed within the block
	JGT     none
	VMOVDQU (SI)(DX*1), Y5
	VMOVDQU 32(SI)(DX*1), Y6
	BITS(Y0, AX)
	BITS(Y1, R11)
	VPOR    Y4, Y5, Y5
	VPOR    Y4, Y6, Y6
	BITS(Y2, R12)
	BITS(Y3, R13)
	MOVQ    R11, DI
	ORQ     R10, DI
	JNZ     escapes

strings:
	// Bit by bit, the exclusive or of all quotes up to and with this one:
	// set from an opening quote to the byte before its closing one.
	VMOVQ      AX, X9
	VPCLMULQDQ $0, X10, X9, X9
	VMOVQ      X9, BX
	XORQ       R9, BX
	MOVQ       BX, R9
	SARQ       $63, R9
	TESTQ      R11, R11
	JNZ        stray

brackets:
	ANDNQ   R12, BX, R12
	ANDNQ   R13, BX, R13
	POPCNTQ R12, AX
	POPCNTQ R13, DI
	CMPQ    R8, DI
	JLE     each
	ADDQ    AX, R8            // more are open than are closed here
	SUBQ    DI, R8
	ADDQ    $64, DX
	JMP     block

each:
	TESTQ   R13, R13
	JZ      last
	BLSMSKQ R13, DI           // all up to the first that closes
	ANDQ    R12, DI
	POPCNTQ DI, AX
	XORQ    DI, R12
	ADDQ    AX, R8
	DECQ    R8
	JZ      found
	BLSRQ   R13, R13
	JMP     each

last:
	POPCNTQ R12, AX
	ADDQ    AX, R8
	ADDQ    $64, DX
	JMP     block

found:
	TZCNTQ R13, AX
	LEAQ   1(DX)(AX*1), AX
	MOVQ   AX, ret+16(FP)
	VZEROUPPER
	RET

escapes:
	// Of a run of backslashes every second one is escaped by the one before
	// it, and the byte behind the run if the run is odd. Runs that start at
	// an even bit carry into an odd one when added to, and the other way.
	MOVQ R10, DI
	NOTQ DI
	ANDQ R11, DI              // those that can escape
	MOVQ $0xAAAAAAAAAAAAAAAA, BX
	LEAQ (DI)(DI*1), R14
	ORQ  BX, R14
	SUBQ DI, R14
	XORQ BX, R14              // escaped, or a backslash that escapes
	MOVQ R11, DI
	ORQ  R10, DI
	XORQ R14, DI              // escaped
	ANDQ R11, R14             // backslashes that escape
	MOVQ R14, R10
	SHRQ $63, R10
	ANDNQ AX, DI, AX
	JMP  strings

stray:
	// No JSON has a backslash outside a string: the portable code decides.
	ANDNQ R11, BX, DI
	JZ    brackets

none:
	MOVQ $-1, ret+16(FP)
	VZEROUPPER
	RET
