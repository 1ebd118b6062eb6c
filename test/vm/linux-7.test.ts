import { testShortBoot } from './harness/short-boot.ts';

testShortBoot('7');
