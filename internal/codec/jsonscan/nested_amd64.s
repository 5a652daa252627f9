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

// FILL loads the registers that stay as they are.
#define FILL \
	VPBROADCASTQ fill<>+0x00(SB), Y0; \
	VPBROADCASTQ fill<>+0x08(SB), Y1; \
	VPBROADCASTQ fill<>+0x10(SB), Y2; \
	VPBROADCASTQ fill<>+0x18(SB), Y3; \
	VPBROADCASTQ fill<>+0x20(SB), Y4; \
	VPCMPEQB     X10, X10, X10

// func nestedEnd(text *byte, n int) int
TEXT ·nestedEnd(SB), NOSPLIT, $0-24
	MOVQ text+0(FP), SI
	MOVQ n+8(FP), CX
	FILL
	CALL nested<>(SB)
	MOVQ AX, ret+16(FP)
	VZEROUPPER
	RET

// nested is nestedEnd of the CX bytes at SI; AX is the result. It keeps SI,
// CX and R15.
TEXT nested<>(SB), NOSPLIT|NOFRAME, $0-0
	XORL DX, DX
	XORL R8, R8
	XORL R9, R9
	XORL R10, R10

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
	MOVQ $-1, AX
	RET

// func knownMembers(text *byte, n, pos int, keys *Key, count int, vals *Span) (taken, end int)
//
//	SI the text   CX its length   DX where the member starts, at its comma
//	AX the key    BX how many are left   DI where its value's place goes
//	R8 where the value starts     R10 where it ends
TEXT ·knownMembers(SB), NOSPLIT, $40-64
	MOVQ text+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ pos+16(FP), DX
	MOVQ keys+24(FP), AX
	MOVQ count+32(FP), BX
	MOVQ vals+40(FP), DI
	FILL

member:
	TESTQ   BX, BX
	JZ      done
	LEAQ    64(DX), R8        // for the key and the first bytes of the value
	CMPQ    R8, CX
	JGT     done
	VMOVDQU (SI)(DX*1), Y5
	VPXOR   (AX), Y5, Y5
	VPTEST  32(AX), Y5
	JNZ     done
	MOVQ    64(AX), R8
	ADDQ    DX, R8
	MOVBLZX (SI)(R8*1), R9
	CMPL    R9, $0x22         // "
	JNE     other
	LEAQ    1(R8), R10

string:
	LEAQ      32(R10), R11
	CMPQ      R11, CX
	JGT       done
	VMOVDQU   (SI)(R10*1), Y5
	VPCMPEQB  Y0, Y5, Y6
	VPCMPEQB  Y1, Y5, Y7
	VPOR      Y6, Y7, Y7
	VPMOVMSKB Y7, R12
	TESTL     R12, R12
	JNZ       special
	MOVQ      R11, R10
	JMP       string

special:
	TZCNTL R12, R12
	ADDQ   R12, R10
	CMPB   (SI)(R10*1), $0x22 // "
	JNE    done
	INCQ   R10

taken:
	MOVQ R8, (DI)
	MOVQ R10, 8(DI)
	ADDQ $16, DI
	ADDQ $72, AX
	DECQ BX
	MOVQ R10, DX
	JMP  member

other:
	CMPL R9, $0x7b            // {
	JEQ  brackets
	CMPL R9, $0x5b            // [
	JEQ  brackets
	LEAQ 4(R8), R10
	MOVL (SI)(R8*1), R9
	CMPL R9, $0x6c6c756e      // null
	JEQ  taken
	CMPL R9, $0x65757274      // true
	JEQ  taken
	CMPL R9, $0x736c6166      // fals
	JNE  done
	CMPB (SI)(R10*1), $0x65   // e
	JNE  done
	INCQ R10
	JMP  taken

brackets:
	MOVQ AX, key-8(SP)
	MOVQ BX, left-16(SP)
	MOVQ DI, place-24(SP)
	MOVQ R8, start-32(SP)
	MOVQ DX, at-40(SP)
	ADDQ R8, SI
	SUBQ R8, CX
	CALL nested<>(SB)
	MOVQ AX, R10
	MOVQ key-8(SP), AX
	MOVQ left-16(SP), BX
	MOVQ place-24(SP), DI
	MOVQ start-32(SP), R8
	MOVQ at-40(SP), DX
	MOVQ text+0(FP), SI
	MOVQ n+8(FP), CX
	TESTQ R10, R10
	JLE   done
	ADDQ  R8, R10
	MOVBLZX (SI)(R8*1), R9    // brackets of one kind differ by 2
	MOVBLZX -1(SI)(R10*1), R11
	ADDL  $2, R9
	CMPL  R9, R11
	JEQ   taken

done:
	SUBQ count+32(FP), BX
	NEGQ BX
	MOVQ BX, taken+48(FP)
	MOVQ DX, end+56(FP)
	VZEROUPPER
	RET
