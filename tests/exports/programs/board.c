/* Runs a program for an Arduino Uno: sends it images from standard input over its serial line, each after the answer to
 * the last, and writes its answers to standard output. */
#include <stdio.h>
#include <stdlib.h>

#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

static int answered, may_send;

static void receive(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)param;
    putchar((int)value);
    answered |= value == '\n';
}

static void start(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)value, (void)param;
    may_send = 1;
}

static void stop(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)value, (void)param;
    may_send = 0;
}

int main(int count, char **words)
{
    elf_firmware_t firmware = {0};
    uint32_t flags = 0;
    size_t image_bytes = count == 3 ? (size_t)atoi(words[2]) : 0, sent = 0;
    unsigned char *image = malloc(image_bytes);
    if (!image || fread(image, 1, image_bytes, stdin) < image_bytes || elf_read_firmware(words[1], &firmware))
        return 2;
    avr_t *avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    avr->frequency = 16000000;
    avr_load_firmware(avr, &firmware);
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)AVR_UART_FLAG_STDIO;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), receive, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), start, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), stop, NULL);
    avr_irq_t *line = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    for (;;) {
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed)
            return 1;
        if (answered) {
            answered = sent = 0;
            fflush(stdout);
            if (fread(image, 1, image_bytes, stdin) < image_bytes)
                return 0;
        }
        if (sent < image_bytes && may_send && avr->cycle > 16000)
            avr_raise_irq(line, image[sent++]);
    }
}
