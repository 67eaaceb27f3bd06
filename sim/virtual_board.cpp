// A whole chip and what stands around it: the processor on s_axi, memory on m_axi, the interrupt.
//
// virtual_board.py starts this program and talks to it over standard input and output, a line each way; memory is a file
// that both map. Arguments: file, address and bytes of memory, latency in cycles, the share of cycles in which a channel
// of memory pauses (of 65536), seed. Commands, numbers in decimal:
//   r OFFSET                  reads a register                        = VALUE CYCLES WRITTEN
//   w OFFSET VALUE            writes one                              = 0 CYCLES WRITTEN
//   s CYCLES QUIET            goes on until the interrupt is high     = 1 CYCLES WRITTEN
//                             or for so many cycles                   = 0 CYCLES WRITTEN
//                             or as many without a transfer           = 2 CYCLES WRITTEN
//   f ADDRESS BYTES RESPONSE  memory answers these addresses so       = 0 CYCLES WRITTEN
//   z                         the reset line, as at power-up          = 0 CYCLES WRITTEN
// CYCLES are those since the start, WRITTEN the bytes that the chip wrote. "! TEXT" says what rule of AXI was broken, and
// is the last answer.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "Vchip.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

constexpr int OKAY = 0, DECERR = 3;
constexpr uint64_t ANSWER_CYCLES = 100000;  // that a register may take to answer
constexpr size_t WAITING = 8;               // bursts that memory takes before it has answered the first
constexpr size_t WORDS = 32;                // words to be written that memory takes ahead of their address

[[noreturn]] void broken(const char* what) {
    std::printf("! %s\n", what);
    std::fflush(stdout);
    std::exit(1);
}

struct Burst {
    uint32_t address;
    int beats;
    uint64_t due;  // cycle of its first answer
};

struct Word {
    uint64_t data;
    int strobes;
    bool last;
};

struct Answer {
    int response;
    uint64_t due;
};

struct Fault {
    uint64_t address, bytes;
    int response;
};

// What an address or word channel offers must stay as it is until it is taken.
class Steady {
public:
    Steady(const char* dropped, const char* changed) : dropped_(dropped), changed_(changed) {}

    void look(bool valid, bool ready, uint64_t a, uint64_t b) {
        if (held_ && !valid) broken(dropped_);
        if (held_ && (a != a_ || b != b_)) broken(changed_);
        held_ = valid && !ready;
        a_ = a;
        b_ = b;
    }
    void clear() { held_ = false; }

private:
    const char *dropped_, *changed_;
    bool held_ = false;
    uint64_t a_ = 0, b_ = 0;
};

class Board {
public:
    Board(uint8_t* memory, uint64_t base, uint64_t size, uint64_t latency, uint64_t pauses, uint64_t seed)
        : memory_(memory), base_(base), size_(size), latency_(latency), pauses_(pauses), random_(seed * 2 + 1) {
        power_up();
    }

    void power_up() {
        reads_.clear(), writes_.clear(), words_.clear(), answers_.clear();
        ar_.clear(), aw_.clear(), w_.clear();
        beat_ = written_beats_ = worst_ = 0;
        chip_.s_axi_awvalid = chip_.s_axi_wvalid = chip_.s_axi_bready = 0;
        chip_.s_axi_arvalid = chip_.s_axi_rready = 0;
        chip_.m_axi_rvalid = chip_.m_axi_bvalid = 0;
        chip_.m_axi_arready = chip_.m_axi_awready = chip_.m_axi_wready = 0;
        chip_.rst = 1;
        for (int k = 0; k < 4; k++) {
            chip_.clk = 0, chip_.eval();
            chip_.clk = 1, chip_.eval();
            cycles_++;
        }
        chip_.rst = 0;
    }

    uint32_t read(uint32_t offset) {
        chip_.s_axi_araddr = offset, chip_.s_axi_arid = 0, chip_.s_axi_arlen = 0;
        chip_.s_axi_arsize = 2, chip_.s_axi_arburst = 1, chip_.s_axi_arvalid = 1;
        chip_.s_axi_rready = 1;
        for (uint64_t left = ANSWER_CYCLES; left; left--) {
            step();
            if (address_taken_) chip_.s_axi_arvalid = 0;
            if (!answered_) continue;
            chip_.s_axi_rready = 0;
            if (response_ != OKAY) broken("a register's read was answered with an error");
            return value_;
        }
        broken("a register's read was never answered");
    }

    void write(uint32_t offset, uint32_t value) {
        chip_.s_axi_awaddr = offset, chip_.s_axi_awid = 0, chip_.s_axi_awlen = 0;
        chip_.s_axi_awsize = 2, chip_.s_axi_awburst = 1, chip_.s_axi_awvalid = 1;
        chip_.s_axi_wdata = value, chip_.s_axi_wstrb = 15, chip_.s_axi_wlast = 1, chip_.s_axi_wvalid = 1;
        chip_.s_axi_bready = 1;
        for (uint64_t left = ANSWER_CYCLES; left; left--) {
            step();
            if (address_taken_) chip_.s_axi_awvalid = 0;
            if (word_taken_) chip_.s_axi_wvalid = 0;
            if (!answered_) continue;
            chip_.s_axi_bready = 0;
            if (response_ != OKAY) broken("a register's write was answered with an error");
            return;
        }
        broken("a register's write was never answered");
    }

    int wait(uint64_t cycles, uint64_t quiet) {
        for (; cycles && !interrupt_; cycles--) {
            step();
            if (!interrupt_ && cycles_ - moved_ >= quiet) return 2;
        }
        return interrupt_ ? 1 : 0;
    }

    void fault(uint64_t address, uint64_t bytes, int response) { faults_.push_back({address, bytes, response}); }

    // What is said of "no transfer" counts from here.
    void awake() { moved_ = cycles_; }

    uint64_t cycles() const { return cycles_; }
    uint64_t written() const { return written_; }

private:
    bool pause() {
        if (!pauses_) return false;
        random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
        return (random_ >> 20 & 0xFFFF) < pauses_;
    }

    int response(uint64_t address) const {
        if (address < base_ || address + 8 > base_ + size_) return DECERR;
        for (const Fault& fault : faults_)
            if (address + 8 > fault.address && address < fault.address + fault.bytes) return fault.response;
        return OKAY;
    }

    // A cycle: what is driven was set before, what is answered to is what stands before the edge.
    void step() {
        chip_.clk = 0, chip_.eval();
        const bool ar = chip_.m_axi_arvalid && chip_.m_axi_arready, aw = chip_.m_axi_awvalid && chip_.m_axi_awready;
        const bool w = chip_.m_axi_wvalid && chip_.m_axi_wready;
        const bool r = chip_.m_axi_rvalid && chip_.m_axi_rready, b = chip_.m_axi_bvalid && chip_.m_axi_bready;
        ar_.look(chip_.m_axi_arvalid, chip_.m_axi_arready, chip_.m_axi_araddr, chip_.m_axi_arlen);
        aw_.look(chip_.m_axi_awvalid, chip_.m_axi_awready, chip_.m_axi_awaddr, chip_.m_axi_awlen);
        w_.look(chip_.m_axi_wvalid, chip_.m_axi_wready, chip_.m_axi_wdata,
                chip_.m_axi_wstrb | uint64_t(chip_.m_axi_wlast) << 8);
        if (ar) reads_.push_back(burst(chip_.m_axi_araddr, chip_.m_axi_arlen, chip_.m_axi_arsize, chip_.m_axi_arburst));
        if (aw) writes_.push_back(burst(chip_.m_axi_awaddr, chip_.m_axi_awlen, chip_.m_axi_awsize, chip_.m_axi_awburst));
        if (w) words_.push_back({chip_.m_axi_wdata, chip_.m_axi_wstrb, bool(chip_.m_axi_wlast)});
        if (ar || aw || w || r || b) moved_ = cycles_;
        // The processor's side; never a read and a write at once.
        const bool reading = chip_.s_axi_rready;
        address_taken_ = (chip_.s_axi_arvalid && chip_.s_axi_arready) || (chip_.s_axi_awvalid && chip_.s_axi_awready);
        word_taken_ = chip_.s_axi_wvalid && chip_.s_axi_wready;
        answered_ = reading ? chip_.s_axi_rvalid : chip_.s_axi_bready && chip_.s_axi_bvalid;
        response_ = reading ? chip_.s_axi_rresp : chip_.s_axi_bresp;
        value_ = chip_.s_axi_rdata;
        chip_.clk = 1, chip_.eval();
        cycles_++;
        answer_reads(r);
        take_words();
        answer_writes(b);
        chip_.m_axi_arready = reads_.size() < WAITING && !pause();
        chip_.m_axi_awready = writes_.size() < WAITING && !pause();
        chip_.m_axi_wready = words_.size() < WORDS && !pause();
    }

    Burst burst(uint32_t address, int len, int size, int kind) const {
        if (len > 15) broken("a burst has more than 16 beats");
        if (size != 3 || kind != 1) broken("a burst isn't of rising addresses and 8 bytes a beat");
        if (address % 8) broken("a burst's address is no multiple of 8");
        if ((address ^ (address + 8 * len)) >> 12) broken("a burst crosses 4 KB");
        return {address, len + 1, cycles_ + latency_};
    }

    void answer_reads(bool taken) {
        if (taken) {
            chip_.m_axi_rvalid = 0;
            if (++beat_ == reads_.front().beats) reads_.pop_front(), beat_ = 0;
        }
        if (chip_.m_axi_rvalid || reads_.empty() || cycles_ < reads_.front().due || pause()) return;
        const uint64_t address = uint64_t(reads_.front().address) + 8 * beat_;
        const int found = response(address);
        uint64_t data = 0xDEADDEADDEADDEADull;
        if (found == OKAY) __builtin_memcpy(&data, memory_ + (address - base_), 8);
        chip_.m_axi_rdata = data, chip_.m_axi_rresp = found, chip_.m_axi_rid = 0;
        chip_.m_axi_rlast = beat_ == reads_.front().beats - 1;
        chip_.m_axi_rvalid = 1;
    }

    void take_words() {
        while (!writes_.empty() && !words_.empty()) {
            const Burst& burst = writes_.front();
            const Word word = words_.front();
            words_.pop_front();
            const uint64_t address = uint64_t(burst.address) + 8 * written_beats_;
            const bool last = ++written_beats_ == burst.beats;
            if (word.last != last) broken("WLAST isn't at a burst's last word");
            const int found = response(address);
            if (found > worst_) worst_ = found;
            for (int k = 0; k < 8 && found == OKAY; k++)
                if (word.strobes >> k & 1) memory_[address - base_ + k] = word.data >> (8 * k), written_++;
            if (!last) continue;
            answers_.push_back({worst_, cycles_ + latency_});
            writes_.pop_front();
            written_beats_ = worst_ = 0;
        }
    }

    void answer_writes(bool taken) {
        if (taken) chip_.m_axi_bvalid = 0, answers_.pop_front();
        if (chip_.m_axi_bvalid || answers_.empty() || cycles_ < answers_.front().due || pause()) return;
        chip_.m_axi_bresp = answers_.front().response, chip_.m_axi_bid = 0;
        chip_.m_axi_bvalid = 1;
    }

    Vchip chip_;
    const CData& interrupt_ = chip_.__SYM__interrupt;  // csignal has the name, so that Verilator gives it another
    uint8_t* memory_;
    uint64_t base_, size_, latency_, pauses_, random_;
    uint64_t cycles_ = 0, moved_ = 0, written_ = 0;
    std::deque<Burst> reads_, writes_;
    std::deque<Word> words_;
    std::deque<Answer> answers_;
    std::vector<Fault> faults_;
    int beat_ = 0, written_beats_ = 0, worst_ = 0;  // of the bursts at hand
    bool address_taken_ = false, word_taken_ = false, answered_ = false;
    int response_ = 0;
    uint32_t value_ = 0;
    Steady ar_{"ARVALID fell before ARREADY", "a read's address changed before it was taken"};
    Steady aw_{"AWVALID fell before AWREADY", "a write's address changed before it was taken"};
    Steady w_{"WVALID fell before WREADY", "a word to be written changed before it was taken"};
};

}  // namespace

int main(int count, char** arguments) {
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C is for who asks; this program ends when there is nobody left to ask
    if (count != 7) return 2;
    uint64_t number[7];
    for (int k = 2; k < 7; k++) number[k] = std::strtoull(arguments[k], nullptr, 10);
    const int file = open(arguments[1], O_RDWR);
    void* memory = file < 0 ? MAP_FAILED : mmap(nullptr, number[3], PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) {
        std::perror(arguments[1]);
        return 2;
    }
    auto board = std::make_unique<Board>(static_cast<uint8_t*>(memory), number[2], number[3], number[4], number[5], number[6]);
    char line[128], command;
    while (std::fgets(line, sizeof line, stdin)) {
        uint64_t a = 0, b = 0, c = 0, found = 0;
        if (std::sscanf(line, "%c %" SCNu64 " %" SCNu64 " %" SCNu64, &command, &a, &b, &c) < 1) return 2;
        if (command != 's') board->awake();
        switch (command) {
            case 'r': found = board->read(a); break;
            case 'w': board->write(a, b); break;
            case 's': found = board->wait(a, b); break;
            case 'f': board->fault(a, b, c); break;
            case 'z': board->power_up(); break;
            default: return 2;
        }
        std::printf("= %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", found, board->cycles(), board->written());
        std::fflush(stdout);
    }
    return 0;
}
